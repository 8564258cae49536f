import path from "node:path";
import { formatBytes } from "../domain/units.ts";
import type { BtrfsMount, MachineFacts } from "./machine.ts";

/** What lies on which Btrfs: the innermost mount that a path is below. */
export const mountOf = (btrfs: readonly BtrfsMount[], at: string): BtrfsMount | undefined =>
  btrfs
    .filter((mount) => at === mount.path || at.startsWith(below(mount.path)))
    .sort((a, b) => b.path.length - a.path.length)[0];

/** The folder to back up: one that people work in, and that is there, if it can be; else a new one on Btrfs. */
export function proposePath({ home, folders, btrfs }: MachineFacts): string {
  const code = `${home}/code`;
  const onBtrfs = (at: string) => mountOf(writable(btrfs), at) !== undefined;
  const [best = bestMount(btrfs)] = [...folders, ...(onBtrfs(code) ? [code] : [])].filter(onBtrfs);
  if (typeof best === "string") return best;
  return best === undefined || onBtrfs(code) ? code : path.join(best.path, "code");
}

/** Beside the dataset, on its Btrfs; of one that is a mount itself, through another mount of the same. */
export function proposeSnapshots({ btrfs }: Pick<MachineFacts, "btrfs">, dataset: string): string {
  const beside = path.join(path.dirname(dataset), "snapshots");
  const [own, besides] = [mountOf(btrfs, dataset), mountOf(btrfs, beside)];
  if (own === undefined || own === besides || (own.fsUuid !== "" && own.fsUuid === besides?.fsUuid))
    return beside;
  const other = btrfs.find(
    (mount) =>
      mount.fsUuid === own.fsUuid && mount.path !== dataset && !mount.path.startsWith(below(dataset)),
  );
  return other === undefined ? beside : path.join(other.path, "snapshots");
}

/**
 * Where the backups go: on the Btrfs with the most room, rather another disk than `apart`, which holds what is backed up.
 * As it would be without Btrfs where there is none.
 */
export function proposeRepository(
  { btrfs }: Pick<MachineFacts, "btrfs">,
  name: string,
  apart: BtrfsMount | undefined,
): string {
  const best = bestMount(btrfs, apart);
  const folder = best === undefined || best.path === "/" ? "/srv" : best.path;
  return path.join(folder, "btrfs-backups", name);
}

/** `Btrfs at /srv (7.8 GiB free) and /mnt/big (2 TiB free)`, each disk once; undefined where there is none. */
export function btrfsInWords(btrfs: readonly BtrfsMount[]): string | undefined {
  const disks = bestOfEach(btrfs);
  if (disks.length === 0) return undefined;
  const words = disks.map(
    (mount) => `${mount.path} (${mount.readOnly ? "read-only" : `${formatBytes(mount.freeBytes)} free`})`,
  );
  const shown = words.slice(0, MOST_SHOWN);
  const more = words.length - shown.length;
  return `Btrfs at ${[...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ")}`;
}

const MOST_SHOWN = 2;

/** The one that a newcomer would choose. */
export function bestMount(btrfs: readonly BtrfsMount[], apart?: BtrfsMount): BtrfsMount | undefined {
  const disks = bestOfEach(writable(btrfs));
  const elsewhere = disks.filter((mount) => mount.fsUuid !== apart?.fsUuid);
  return (elsewhere.length > 0 ? elsewhere : disks)[0];
}

/** The mounts, the roomiest disk first; of those of one disk the place that is meant for data. */
function bestOfEach(btrfs: readonly BtrfsMount[]): readonly BtrfsMount[] {
  const disks = Map.groupBy(btrfs, ({ fsUuid, path: at }) => fsUuid || at);
  return [...disks.values()]
    .flatMap((mounts) => mounts.sort((a, b) => rank(a.path) - rank(b.path)).slice(0, 1))
    .sort((a, b) => b.freeBytes - a.freeBytes);
}

/** Distributions mount subvolumes of the system's disk in many places, which are none for data. */
const rank = (at: string): number => {
  const order = [/^\/srv(\/|$)/, /^\/(mnt|media|data|backup|pool|storage)/, /^\/home$/, /^\/$/];
  const found = order.findIndex((pattern) => pattern.test(at));
  return found === -1 ? (/^\/(var|usr|opt|root|tmp|boot|etc|nix|snap|run)(\/|$)/.test(at) ? 9 : 2) : found;
};

const writable = (btrfs: readonly BtrfsMount[]) => btrfs.filter(({ readOnly }) => !readOnly);

const below = (folder: string): string => (folder === "/" ? folder : `${folder}/`);
