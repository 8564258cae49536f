import { formatBytes } from "../domain/units.ts";
import type { MachineFacts, PathFacts } from "./machine.ts";
import { btrfsInWords, proposeSnapshots } from "./proposals.ts";

/** Whether a path can be what it is to be: in one line, what it is; or what is wrong, and what would be right. */
export type PathVerdict =
  | { readonly kind: "good"; readonly text: string }
  /** Will do, and there is something to know. */
  | { readonly kind: "mind"; readonly text: string }
  | { readonly kind: "wrong"; readonly wrong: string; readonly right: string };

type Mounts = Pick<MachineFacts, "btrfs">;

/** Of the folder that is backed up. */
export function judgePath(
  at: string,
  { place, kind, empty, owner }: PathFacts,
  machine: Mounts,
): PathVerdict {
  const wrong = common(at, { place, kind }, machine);
  if (wrong !== undefined) return wrong;
  const whose = owner === undefined ? "" : ` of ${owner}`;
  if (kind === "subvolume")
    return empty
      ? { kind: "mind", text: `${at} is a subvolume${whose}, and empty` }
      : { kind: "good", text: `${at} is a subvolume${whose}` };
  // a slip, more often than a folder to come, and what would be backed up is an empty one
  if (kind === "absent")
    return { kind: "wrong", wrong: `there is no ${at}`, right: "the folder with your work" };
  if (empty)
    return { kind: "mind", text: `${at} holds nothing yet: the first apply makes an empty subvolume there` };
  return {
    kind: "mind",
    text: `${at} is a plain directory${whose}: apply makes it a subvolume, if you approve`,
  };
}

/** Of the folder of the snapshots; `dataset` is what they are taken of. */
export function judgeSnapshots(
  at: string,
  { place, kind }: Pick<PathFacts, "place" | "kind">,
  dataset: { readonly path: string; readonly facts: PathFacts | undefined },
  machine: Mounts,
): PathVerdict {
  const { facts } = dataset;
  if (facts?.place.fsType === "btrfs" && facts.place.fsUuid !== place.fsUuid)
    return {
      kind: "wrong",
      wrong: `${at} is not on the file system of ${dataset.path}, and a snapshot cannot leave that`,
      right: proposeSnapshots(machine, dataset.path),
    };
  return (
    common(at, { place, kind }, machine) ?? {
      kind: "good",
      text: `${at} is on ${facts === undefined ? "Btrfs" : "the same Btrfs"}`,
    }
  );
}

/** Of a folder on the server; `dataset` is what is backed up, which may be on the same machine. */
export function judgeOnServer(
  at: string,
  { place, kind }: Pick<PathFacts, "place" | "kind">,
  machine: Mounts,
  dataset: PathFacts | undefined,
): PathVerdict {
  const wrong = common(at, { place, kind }, machine);
  if (wrong !== undefined) return wrong;
  const room = `${at} is on Btrfs, ${formatBytes(place.freeBytes)} free`;
  return place.fsUuid !== "" && dataset?.place.fsUuid === place.fsUuid
    ? { kind: "mind", text: `${room}, on the disk that it backs up: one broken disk would take both` }
    : { kind: "good", text: room };
}

function common(
  at: string,
  { place, kind }: Pick<PathFacts, "place" | "kind">,
  { btrfs }: Mounts,
): PathVerdict | undefined {
  const there = btrfsInWords(btrfs);
  const right =
    there === undefined
      ? "a Btrfs file system (mkfs.btrfs on a free partition), mounted there or above it"
      : `a folder on ${there}`;
  if (kind === "other") return { kind: "wrong", wrong: `${at} is no folder`, right: "the folder itself" };
  if (place.fsType !== "btrfs")
    return { kind: "wrong", wrong: `${at} is on ${place.fsType}, not on Btrfs`, right };
  if (place.readOnly) return { kind: "wrong", wrong: `${at} is on a file system that is read-only`, right };
  return undefined;
}
