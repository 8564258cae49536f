import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { HostName } from "../../domain/names.ts";
import { command } from "../../transport/quote.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import { RUN } from "./run-devbackup.ts";
import { LABEL, type Script, script } from "./script.ts";

/** What stands for a script of the older suite that is one of devbackup's commands. */
interface Thin {
  readonly name: string;
  /** What it takes, behind its name. */
  readonly usage: string;
  readonly does: string;
  /** Lines of sh that read what it takes off its arguments; what is left is handed on. */
  readonly reads?: string;
  readonly argv: readonly string[];
  /** Words of sh that follow from what was read. */
  readonly words?: string;
  /** In place of one call: lines of sh that make several. */
  readonly calls?: string;
}

const rendered =
  (datasets: readonly DatasetSpec[]) =>
  ({ name, usage, does, reads = "", argv, words = "", calls }: Thin): Script =>
    script(
      name,
      datasets,
      `${name}${usage}: ${does}\nWhat stands behind that goes on to devbackup: ${devbackup(argv)} …`,
      `${RUN}${reads}
${calls ?? `run ${command(argv)}${words} "$@"`}`,
    );

const devbackup = (argv: readonly string[]): string => `devbackup ${command(argv)}`;

/** Of the workstation `host`; `own` are its datasets, `all` those of the desired state. */
export const thinOnWorkstation = (
  host: HostName,
  own: readonly DatasetSpec[],
  all: readonly DatasetSpec[],
): Script[] =>
  [
    {
      name: "init_WS.sh",
      usage: "",
      does: "sets this workstation up: packages, folders, the dataset as a subvolume.",
      argv: ["apply", "--only", "provision", "--host", host],
    },
    ...own.flatMap(({ name }): Thin[] => [
      {
        name: `ws_${name}_snapshot.sh`,
        usage: " [LABEL]",
        does: `takes the snapshot ${name}@LABEL; without one, that of the current period.`,
        reads: MAYBE_LABEL,
        argv: ["apply", "--only", "snapshot", "--dataset", name],
        words: OF_LABEL,
      },
      {
        name: `ws_${name}_export_and_push.sh`,
        usage: " [LABEL [PARENT]]",
        does: `sends the snapshot ${name}@LABEL to the server, and registers it.
Whether as an anchor or on which parent, the manifest and the anchor rule say, and not PARENT.`,
        reads: `${MAYBE_LABEL}
case \${1-} in
  '' | -*) ;;
  *) label "$1"; printf 'Whether it builds on %s, the manifest and the anchor rule say.\\n' "$1" >&2; shift ;;
esac`,
        argv: ["apply", "--only", "artifact,register", "--dataset", name],
        words: OF_LABEL,
      },
      {
        name: `ws_${name}_run_month.sh`,
        usage: " [LABEL]",
        does: `a whole backup of ${name}: snapshot, artifact, manifest, the server's copies, the bucket.`,
        reads: MAYBE_LABEL,
        argv: ["apply", "--dataset", name],
        words: OF_LABEL,
      },
    ]),
    {
      name: "LS_request.sh",
      usage: " [LABEL]",
      does: "brings LABEL, or the newest, back from the server to where it belongs.",
      reads: LABEL_OR_LATEST,
      argv: ["apply"],
      words: RESTORED,
    },
  ].map(rendered(all));

/** Of the server `host`; `own` are its datasets, `all` those of the desired state. */
export const thinOnServer = (
  host: HostName,
  own: readonly DatasetSpec[],
  all: readonly DatasetSpec[],
): Script[] =>
  [
    {
      name: "init_LS.sh",
      usage: "",
      does: "sets this server up: packages, folders, keys.",
      argv: ["apply", "--only", "provision", "--host", host],
    },
    {
      name: "push_to_cloud.sh",
      usage: " [--dataset NAME]",
      does: "sends to the bucket what it lacks of what is registered: artifacts, manifest, escrow.",
      argv: ["apply", "--only", "cloud", "--host", host],
      calls: pushing(host, own),
    },
    {
      name: "pull_from_cloud.sh",
      usage: " [LABEL]",
      does: `fetches from the bucket what LABEL, or the newest, needs and this server lacks:
keys, manifest and artifacts, each proven, right into the repository. store_on_LS.sh has nothing left to do then.`,
      reads: `${LABEL_OR_LATEST}
case \${1-} in
  '' | -*) ;;
  *) printf 'Nothing goes to %s: what is fetched goes into the repository.\\n' "$1" >&2; shift ;;
esac`,
      argv: ["apply", "--only", "provision,register,artifact", "--host", host],
      words: RESTORED,
    },
    {
      name: "store_on_LS.sh",
      usage: " DIR",
      does: `takes artifacts out of a folder of this server into the repository, each proven by the manifest.`,
      reads: FOLDER,
      argv: ["manifest", "import"],
      words: ' "$from"',
    },
    {
      name: "restore_backup_LS.sh",
      usage: " [LABEL]",
      does: "receives LABEL, or the newest, here, and brings the working copy to it.",
      reads: LABEL_OR_LATEST,
      argv: ["apply", "--host", host],
      words: RESTORED,
    },
    {
      name: "migrate_manifest_to_v2.sh",
      usage: "",
      does: "upgrades a manifest of the first version; the old one stays beside it.",
      argv: ["manifest", "migrate"],
    },
  ].map(rendered(all));

/** Of each dataset up to its newest label: what the current period still owes is not this script's to ask for. */
const pushing = (host: HostName, own: readonly DatasetSpec[]): string => `
names=${command([own.map(({ name }) => name).join(" ")])} code=0
if [ "\${1-}" = --dataset ] && [ $# -ge 2 ]; then
  names=$2; shift 2
  [ -n "$names" ] || stop 1 "which dataset?" "Nothing was sent."
fi
for name in $names; do
  latest=${OWN_FOLDER}/ls_\${name}_latest_label.sh
  case $name in *[!a-z0-9_-]*) latest= ;; esac
  [ -x "$latest" ] || stop 1 "there is no dataset $name here" "Nothing was sent."
  newest=$("$latest") || { code=$?; continue; }
  if [ "$newest" = none ]; then echo "Nothing of $name is backed up yet."; continue; fi
  (run ${command(["apply", "--only", "cloud", "--host", host])} --dataset "$name" --label "$newest" "$@") || code=$?
done
exit "$code"`;

const MAYBE_LABEL = `${LABEL}
given=
case \${1-} in '' | -*) ;; latest) stop 1 "a backup has a label of its own, and latest is none" ;; *) label "$1"; given=$1; shift ;; esac`;
// biome-ignore lint/suspicious/noTemplateCurlyInString: of sh
const OF_LABEL = ' ${given:+--label "$given"}';

const LABEL_OR_LATEST = `${LABEL}
given=latest
case \${1-} in '' | -*) ;; *) label "$1"; given=$1; shift ;; esac`;
const RESTORED = ' --restore "$given"';

/** Where the older suite put what it pulled, unless it was told another place. */
const PULLED = "/tmp/dev-backup-cloud-pull";

const FOLDER = `
case \${1-} in '' | -*) stop 1 "which folder?" "next: $0 DIR" ;; esac
if [ "$1" = ${PULLED} ] && [ ! -e "$1" ]; then
  echo "Nothing is there: pull_from_cloud.sh puts what it fetches into the repository itself."
  exit 0
fi
from=$(CDPATH='' cd -- "$1" 2>/dev/null && pwd -P) || stop 1 "there is no folder $1 that could be entered" "Nothing was changed."
plain "$from"; shift
`;
