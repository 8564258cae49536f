import type { Subvolume } from "./subvolumes.ts";

/**
 * Complete on the server: read-only **and** with the UUID that receive sets (btrfs-progs cmds/receive.c), which it
 * does before the contents are sure to be on the disk: **and** its receive has come to its end. One that was found
 * damaged since is not.
 */
export const isHydrated = (subvolume: Subvolume | null | undefined): subvolume is Subvolume =>
  subvolume?.readOnly === true &&
  subvolume.receivedUuid !== null &&
  !subvolume.receiving &&
  subvolume.damaged !== true;

/**
 * Complete on the workstation: read-only. One that was received (a restore's) has its UUID before its contents are
 * sure to be on the disk, and is complete only when its receive has come to its end.
 */
export const isSnapshot = (subvolume: Subvolume | null | undefined): subvolume is Subvolume =>
  subvolume?.readOnly === true && !isHalfReceived(subvolume);

/** What a receive of ours left behind: writable to its last step, when it gets its UUID. */
export const isHalfReceived = ({ receiving, readOnly, receivedUuid }: Subvolume): boolean =>
  receiving && (!readOnly || receivedUuid !== null);

/** Whether `received` was made from `sent`, which may itself have been received once: send names that UUID. */
export const sameLineage = (sent: Subvolume, received: Subvolume): boolean =>
  received.receivedUuid === (sent.receivedUuid ?? sent.uuid);
