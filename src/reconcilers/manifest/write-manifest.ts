import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type Manifest, type ManifestRow, renderManifest } from "../../domain/manifest.ts";
import { type AbsolutePath, joinPath, type Sha256 } from "../../domain/names.ts";
import { sha256Of } from "../../transport/hash.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { damagedMark } from "../artifact/prove-script.ts";
import { END_EARLIER_WRITE, signatureFunctions } from "../keys/signature.ts";
import { expectSuccess } from "../run-script.ts";
import { stateEnvScript } from "./state-env-script.ts";
import { manifestFile, ROW_SUFFIX, stateEnvFile } from "./store.ts";

/** What a write of the manifest is to make of it. */
interface ManifestWrite {
  readonly rows: Manifest;
  /** Of the manifest that this builds on; null where there is none. */
  readonly onSha256: string | null;
  /** The row that is new, where its artifact has just been made. */
  readonly row?: ManifestRow | null;
  /** Every artifact becomes root's and read-only first, and is no longer marked as damaged: each has just been read. */
  readonly settles?: true;
  /** The manifest before it and its signature stay beside it, as `snapshots_v2.tsv.before-STAMP`. */
  readonly keepAs?: string;
  /** Lines of sh for when it stands; where they are cut off, the write counts as cut off. */
  readonly last?: string;
  /** What to type where it could not be written. */
  readonly next?: string;
}

/**
 * The only way in which a manifest is written: the whole file and `state.env`, synced, signed, in one step.
 * @throws DevbackupError where it is no longer the one that this builds on; nothing has been changed then
 */
export async function writeManifest(host: Host, dataset: DatasetSpec, write: ManifestWrite): Promise<void> {
  const { rows, row = null, next = "devbackup apply" } = write;
  const manifest = renderManifest(rows);
  const artifact = row === null ? null : joinPath(dataset.repository, row.localPath);
  await expectSuccess(host, writeScript(dataset, write, sha256Of(manifest), artifact), {
    code: "register-failed",
    what: `the manifest of ${dataset.name} could not be written`,
    next,
    stdin: manifest,
  });
}

const writeScript = (
  dataset: DatasetSpec,
  { rows, settles, onSha256, keepAs, last }: ManifestWrite,
  sha256: Sha256,
  artifact: AbsolutePath | null,
): string =>
  `${signatureFunctions(dataset)}${stateEnvScript(dataset.name)}${sh`
on=${onSha256 ?? ""} whole=${sha256} a=${artifact ?? ""}
`}${writingScript(dataset, { adds: artifact !== null, settles: settles && settleAll(dataset, rows), keepAs, last })}`;

const settleAll = (dataset: DatasetSpec, rows: Manifest): string =>
  rows.length === 0
    ? ""
    : sh`
set -- ${rows.map(({ localPath }) => joinPath(dataset.repository, localPath))}
chown root:root "$@"; chmod 440 "$@"; sync "$@"
rm -f -- ${rows.map((row) => damagedMark(dataset, row))}
`;

interface Writing {
  /** It adds one row, and the artifact of that is `$a`. */
  readonly adds: boolean;
  /** Lines of sh for when it is known to build on what stands. */
  readonly settles?: string | undefined;
  readonly keepAs?: string | undefined;
  readonly last?: string | undefined;
}

/**
 * Refuses to write over a manifest that is not the one that was read, what did not arrive whole (a link that dies ends
 * stdin just as the last byte does), and what is no manifest. `state.env` is made of what arrived.
 * The signature goes before its manifest: cut off in between, it is the signature of `$m.new`, which is complete.
 *
 * Behind the functions of the signature and of `state.env`, with `set -eu`. `$on`: the SHA-256 of the manifest that this
 * builds on, "" for none; `$whole`: of what is on stdin; `$a`: where it `adds` a row, the artifact of that.
 */
export function writingScript(
  dataset: DatasetSpec,
  { adds, settles = "", keepAs, last = "" }: Writing,
): string {
  const settle = adds ? 'chown root:root "$a"; chmod 440 "$a"; sync "$a"' : settles;
  // what is registered stays as it is, whoever writes; to a login that may only add, nothing else holds that
  const grow = adds
    ? `
[ ! -e "$m" ] || head -c "$(stat -c %s -- "$m")" -- "$m.new" | cmp -s -- - "$m" ||
  { echo "it would change what is registered" >&2; exit 1; }
`
    : "";
  const keep =
    keepAs === undefined
      ? ""
      : sh`
if [ -e "$m" ]; then
  for f in "" .sig; do [ ! -e "$m$f" ] || ln -- "$m$f" "$m".before-${keepAs}"$f"; done
fi
`;
  return `${sh`
umask 027
m=${manifestFile(dataset)} s=${stateEnvFile(dataset)} d=$(dirname -- ${manifestFile(dataset)})
# two at once would write the same new file
exec 6<"$d"; flock 6
`}${END_EARLIER_WRITE}${sh`now=$([ ! -e "$m" ] || cat -- "$m" 2>/dev/null | sha256sum | cut -c1-64)
[ "$now" = "$on" ] || { echo "the manifest has changed since it was read" >&2; exit 1; }
cat >"$m.new"
[ "$(sha256sum <"$m.new" | cut -c1-64)" = "$whole" ] || { echo "what was to be written did not arrive whole" >&2; exit 1; }
state=$(state_env "$m.new") || { echo "what was to be written is no manifest" >&2; exit 1; }
# where its output finds no room, printf ends with 0 all the same, and cat does not
printf '%s\n' "$state" | cat >"$s.new"
`}${grow}${keep}${settle}${sh`
sync "$m.new"; sign "$m.new"; mv -T -- "$m.new" "$m"; sync "$d"
# what waited for its row has it now, also of a write that was cut off here; state.env, which goes last, tells of that
for r in ${`${dataset.repository}/tmp/`}*${ROW_SUFFIX}; do
  if cut -f7 <"$m" | sed 's|.*/||' | grep -qxF -- "$(basename -- "$r" ${ROW_SUFFIX})"; then rm -f -- "$r"; sync "$(dirname -- "$r")"; fi
done
`}${last}${sh`
sync "$s.new"; mv -T -- "$s.new" "$s"; sync "$d"`}`;
}
