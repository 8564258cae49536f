import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { ENTER } from "../machine/enter.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { expectSuccess, type Failure } from "../run-script.ts";
import { FIELD } from "../snapshot/subvolumes.ts";

/** Beside what is hydrated; there only while a snapshot is verified, or after a run that was killed. */
export const unreadFolder = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "restore/verify");

/**
 * Has `work` read the snapshot `name` of that UUID as nobody has before: a snapshot of it, whose files are others to the
 * kernel, so that nothing of them is in memory and every byte comes from the disk. One step for any number of files,
 * where dd(1) would have each let go of by a process of its own. What Btrfs keeps among its own records, small files
 * too, may be in memory all the same.
 * @throws DevbackupError of `failure` where there can be none
 */
export async function unread<Result>(
  host: Host,
  spec: DatasetSpec,
  { name, uuid }: { readonly name: string; readonly uuid: string },
  failure: Failure,
  work: (tree: AbsolutePath) => Promise<Result>,
): Promise<Result> {
  const tree = unreadFolder(spec);
  await expectSuccess(host, makeScript(spec, name, uuid), failure);
  try {
    return await work(tree);
  } finally {
    // left behind by a host that is gone, it goes with the next one
    await host.run(clearScript(spec)).catch(() => undefined);
  }
}

const clearScript = (spec: DatasetSpec): string => sh`
v=${unreadFolder(spec)}
[ ! -e "$v" ] || btrfs -q subvolume delete "$v" >/dev/null`;

/** A snapshot that is writable at first takes no received UUID over, by which btrfs receive would have two to choose from. */
const makeScript = (spec: DatasetSpec, name: string, uuid: string): string =>
  `${ENTER}${FIELD}${clearScript(spec)}${sh`
d=${hydratedFolder(spec.repository)} n=${name}
enter_own "$d"
[ "$(field "./$n" UUID)" = ${uuid} ] || { echo "$d/$n is another by now" >&2; exit 1; }
btrfs -q subvolume snapshot "./$n" "$v" >/dev/null
btrfs property set -ts "$v" ro true`}`;
