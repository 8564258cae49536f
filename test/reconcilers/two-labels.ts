import { join } from "node:path";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { serverLock } from "../../src/reconcilers/receive/receive-script.ts";
import { workingCopy } from "../../src/reconcilers/receive/working-copy.ts";
import { noteFile } from "../../src/reconcilers/receive/working-copy-facts.ts";
import type { Host } from "../../src/transport/host.ts";
import { shell } from "../lab/small-disk.ts";

export const LABELS = ["2026-01", "2026-02"] as const;

/**
 * Two hydrated snapshots, which hold their label in `label`, made of a subvolume `s` in `folder`; gives what brings the
 * working copy to one of them.
 */
export function twoLabels(
  spec: DatasetSpec,
  folder: string,
  host: Host,
): (label: string) => Promise<string | null> {
  const hydrated = join(spec.repository, "restore/worktree_receive");
  shell(
    'cd "$1"; hydrated=$2; shift 2; btrfs -q subvolume create s; for l in "$@"; do echo "$l" >s/label; btrfs -q subvolume snapshot -r s "$hydrated/dev@$l"; done',
    ...[folder, hydrated, ...LABELS],
  );
  const bases = LABELS.map((label) => {
    const path = join(hydrated, `dev@${label}`);
    const uuid = shell('btrfs subvolume show "$1" | awk \'$1 == "UUID:" { print $2 }\'', path).trim();
    return { path, uuid };
  });
  return (label) =>
    workingCopy.run(
      {
        host: host.name,
        input: {
          path: spec.workingCopy,
          name: `dev@${label}`,
          label,
          note: noteFile(spec),
          dataset: "dev",
          lock: serverLock(spec),
          hydrated,
          ownBase: null,
          stranger: false,
          from: null,
          bases,
        },
      } as never,
      { host: () => host, now: () => new Date("2026-03-01") } as never,
    );
}
