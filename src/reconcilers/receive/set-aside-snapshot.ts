import { snapshotName } from "../../domain/artifact.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { LET_GO } from "../../transport/fence.ts";
import { sh } from "../../transport/quote.ts";
import { propose, warning } from "../answer.ts";
import { fetchId } from "../artifact/fetch.ts";
import { damagedMark, fromDisk, type Proving, prove } from "../artifact/prove-script.ts";
import { ENTER } from "../machine/enter.ts";
import { hydratedFolder } from "../machine/folders.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { FIELD } from "../snapshot/subvolumes.ts";
import { hydrateId } from "./hydrate.ts";
import { damagedSnapshotMark, serverLock, WAIT_OR_END } from "./receive-script.ts";
import { canReceive, damagedRows, labelsToReceive, setAsideSnapshotId } from "./to-receive.ts";

interface Input {
  /** What it is received from again. */
  readonly artifact: Proving;
  readonly folder: AbsolutePath;
  readonly name: string;
  readonly mark: AbsolutePath;
  readonly lock: AbsolutePath;
}

/**
 * Snapshots on the server that were found damaged, and can be received again: out of the way, and kept. Not before the artifact
 * has been read to its end, and what it builds on stands: what is cut off behind this leaves the chain without its parent.
 */
export const setAsideSnapshot: Reconciler<Input> = {
  kind: "set-aside-snapshot",
  diff: (view) => {
    const { spec } = view;
    const again = new Set(labelsToReceive(view));
    const damaged = damagedRows(view);
    return {
      warnings: damaged
        .filter(({ label }) => !canReceive(view, label))
        .map(({ label }) =>
          warning(
            "snapshot-lost",
            spec,
            spec.server,
            `${snapshotName(spec.name, label)} on ${spec.server} is damaged, and an artifact to receive it again from is nowhere; what can still be read of it stays where it is`,
          ),
        ),
      actions: damaged
        .filter(({ label }) => again.has(label))
        .map((row) => {
          const { label, parent } = row;
          const name = snapshotName(spec.name, label);
          return propose("set-aside-snapshot", spec, {
            id: setAsideSnapshotId(spec, label),
            host: spec.server,
            label,
            stage: "hydrate",
            change: "update",
            summary: `set ${name} on ${spec.server} aside, as it is`,
            reason:
              "it was read, and is not what was backed up any more; it is received again from its artifacts",
            // without its parent it could not be received, and with the UUID cleared nothing more onto it
            needs: [fetchId(spec, label), ...(parent === null ? [] : [hydrateId(spec, parent)])],
            details: [`kept beside it: ${hydratedFolder(spec.repository)}/${ASIDE}${name}.TIME`],
            input: {
              artifact: {
                path: joinPath(spec.repository, row.localPath),
                sha256: row.sha256,
                damagedMark: damagedMark(spec, row),
              },
              folder: hydratedFolder(spec.repository),
              name,
              mark: damagedSnapshotMark(spec, name),
              lock: serverLock(spec),
            },
          });
        }),
    };
  },
  run: async ({ host, input }, tools) => {
    await prove(fromDisk(tools.host(host), input.artifact.path), input.artifact, tools.signal);
    tools.assertHeld();
    const { stdout } = await expectSuccess(tools.host(host), asideScript(input), {
      code: "set-aside-failed",
      what: `${input.name} could not be set aside`,
    });
    const kept = joinPath(input.folder, stdout.trim());
    return `kept as ${kept}; to let go of it: btrfs subvolume delete ${kept}`;
  },
};

/** Before a name, so that it is no snapshot's of ours any more. */
const ASIDE = "set-aside.";

/**
 * Its received UUID goes first: a receive takes as the parent of an increment whichever subvolume has that UUID, and the
 * oldest of several (btrfs-progs, kernel-shared/uuid-tree.c); it would go on building on the damaged one. The new name
 * comes last, so that what is cut off begins again. It stays in its folder: the kernel moves no read-only subvolume into another.
 */
const asideScript = ({ folder, name, mark, lock }: Input): string =>
  `${sh`
lock=${lock} d=${folder} n=${name} m=${mark}
`}${WAIT_OR_END}${ENTER}${FIELD}
enter_own "$d" && own_file "$lock" && (umask 077; : >>"$lock") && exec 8<>"$lock" && flock 8 && claim || exit 1
${LET_GO}${sh`
read -r uuid <"$m"
[ "$(field "./$n" UUID)" = "$uuid" ] || { echo "$d/$n is another than the one that was found damaged" >&2; exit 1; }
case $(field "./$n" 'Received UUID') in *[0-9a-f]*) btrfs property set -f -ts "./$n" ro false ;; esac
btrfs property set -ts "./$n" ro true
btrfs filesystem sync .
as=${ASIDE}"$n.$(date -u +%Y%m%dT%H%M%SZ)"
[ ! -e "./$as" ] || as=$as.$$
mv -T -n -- "./$n" "./$as"; [ ! -e "./$n" ]
btrfs filesystem sync .
rm -f -- "$m"
: >"$lock"
echo "$as"`}`;
