import { type AbsolutePath, fileName, type HostName } from "../../domain/names.ts";
import { formatBytes, plural } from "../../domain/units.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { ENTER } from "../machine/enter.ts";
import { WAIT_OR_END } from "../receive/receive-script.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { FIELD } from "../snapshot/subvolumes.ts";
import { type ReadFirst, readAll } from "./read-first.ts";

/** Snapshots that go, and where they lie. */
export interface DeleteSnapshots {
  readonly kind: "snapshots";
  readonly folder: AbsolutePath;
  /** Held meanwhile: a receive that a run which was cut off has begun may build on one of them. */
  readonly lock: AbsolutePath;
  /** Whether what holds it may receive from another host: that is ended where nothing comes any more. */
  readonly fromAfar: boolean;
  /** By name, the UUID that was seen; whatever else has that name stays. */
  readonly snapshots: readonly { readonly name: string; readonly uuid: string }[];
  readonly first: ReadFirst;
}

/** Reads what the last of a label would be made from again; where that is damaged, none goes. Resolves when Btrfs has freed what only they held; with how many that were and what came free. */
export async function deleteSnapshots(
  host: HostName,
  input: DeleteSnapshots,
  tools: Pick<Tools, "host" | "signal" | "assertHeld">,
): Promise<string> {
  await readAll(input.first, tools);
  const { stdout } = await expectSuccess(tools.host(host), deleteSnapshotsScript(input), {
    code: "retention-failed",
    what: `not every snapshot that the rule lets go could be deleted from ${input.folder}`,
    state:
      "What was deleted before was let go by the rule; nothing else was touched, and it is safe to run again",
    signal: tools.signal,
  });
  const [, before = "0", after = "0"] = /^free (\d+) (\d+)$/m.exec(stdout) ?? [];
  // others may have written meanwhile
  const freedBytes = Math.max(0, Number(after) - Number(before));
  return `${plural(input.snapshots.length, "snapshot")}, ${formatBytes(freedBytes)} came free`;
}

/**
 * Looks at all of them before it deletes the first, and once more at each before it goes: read-only, and the one that was
 * seen. Whoever held the lock before is not left standing in it: who waits for it ends that one. `btrfs subvolume sync` waits
 * until the space is free (btrfs-subvolume(8)); no lock need be held for that.
 */
export const deleteSnapshotsScript = ({
  folder,
  lock,
  fromAfar,
  snapshots,
}: Omit<DeleteSnapshots, "first">): string => `${WAIT_OR_END}${ENTER}${FIELD}${sh`
d=${folder} lock=${lock.startsWith(`${folder}/`) ? `./${fileName(lock)}` : lock}
set -- ${snapshots.map(({ name, uuid }) => `${uuid}=${name}`)}
enter_own "$d"; own_file "$lock"; (umask 077; : >>"$lock"); exec 8<>"$lock"
`}${fromAfar ? "take 10" : "flock 8"}
: >"$lock"${AS_SEEN}
before=$(free) deleted=
for s; do gone "\${s#*=}" || as_seen "\${s%%=*}" "\${s#*=}"; done
for s; do
  n=\${s#*=}
  if gone "$n"; then continue; fi
  as_seen "\${s%%=*}" "$n"
  number=$(btrfs inspect-internal rootid "./$n")
  delete_here "$n"
  deleted="$deleted $number"
done
${LET_GO}
exec 8>&-
# wakes who frees them, which else is awake only every half minute
btrfs filesystem sync .
[ -z "$deleted" ] || btrfs subvolume sync . $deleted >/dev/null
btrfs filesystem sync .
echo "free $before $(free)"`;

const AS_SEEN = `
free() { df -B1 --output=avail . | tail -n 1 | tr -d ' '; }
gone() { [ ! -e "./$1" ] && [ ! -L "./$1" ]; }
as_seen() {
  (step "$2" && [ "$(field . UUID)" = "$1" ] && [ "$(btrfs property get -ts . ro)" = ro=true ]) ||
    { echo "$d/$2 is not the read-only snapshot that was looked at" >&2; return 1; }
}`;
