import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Why no disk can be made on this machine, or false: fits `{ skip: whyNoDisk() }`. */
export const whyNoDisk = (): string | false =>
  process.getuid?.() === 0 ? false : "it mounts a small Btrfs of its own, which takes root";

/** A Btrfs in a file, mounted until the test ends. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all of it but `bytes`, to the last byte by default. */
  fill(bytes?: number): void;
  unfill(): void;
  /** Spoils the first block of a file on the disk: what is in memory of it stays as it was. */
  spoil(file: string): void;
  /** Has the writes of Btrfs fail from now on, so that it makes itself read-only. */
  breakDown(): void;
}

/** Runs a script of sh and gives what it printed. @throws with what it said where it fails */
export const shell = (script: string, ...args: string[]): string =>
  execFileSync("sh", ["-euc", script, "sh", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });

export function smallDisk(context: TestContext, mebibytes = 256): SmallDisk {
  const top = mkdtempSync("/tmp/small-disk-");
  const [below, path] = [join(top, "below"), join(top, "disk")];
  for (const folder of [below, path]) mkdirSync(folder);
  // the image is a file with holes, on a file system that can be made too small for it
  shell(
    'mount -t tmpfs tmpfs "$1"; truncate -s "$3M" "$1/image"; mkfs.btrfs -q "$1/image" 2>/dev/null; mount -o loop "$1/image" "$2"',
    ...[below, path, String(mebibytes)],
  );
  context.after(() => {
    // a namespace that had it too ends a moment later, and so does the loop device's hold on its image
    shell(
      'for i in $(seq 50); do ! umount "$2" 2>/dev/null || break; sleep 0.1; done; umount -l "$1"',
      below,
      path,
    );
    rmSync(top, { recursive: true });
  });
  return {
    path,
    fill: (bytes = 0) => {
      shell(
        'cat /dev/zero >"$1/fill" 2>/dev/null || :; sync -f "$1"; truncate -s "-$2" "$1/fill"; sync -f "$1"',
        ...[path, String(bytes)],
      );
    },
    unfill: () => void shell('rm -f "$1/fill"; btrfs filesystem sync "$1"', path),
    // filefrag(8) tells where a file lies among Btrfs's own addresses, btrfs-map-logical(8) where these lie on the disk
    spoil: (file) =>
      void shell(
        `sync -f "$1"; p=$(filefrag -b4096 -v "$1" | awk '$1 == "0:" { print $4 + 0 }')
         at=$(btrfs-map-logical -l $((p * 4096)) -b 4096 "$2" | sed -n 's/^mirror 1 .* physical \\([0-9]*\\) .*/\\1/p')
         dd if=/dev/urandom of="$2" bs=4096 seek=$((at / 4096)) count=1 conv=notrunc status=none
         blockdev --flushbufs "$(losetup -nO NAME -j "$2")"`,
        ...[file, join(below, "image")],
      ),
    breakDown: () =>
      void shell(
        'mount -o "remount,size=$(du -k "$1/image" | cut -f1)k" "$1"; head -c 32M /dev/urandom >"$2/x" 2>/dev/null || :; sync -f "$2" 2>/dev/null || :',
        ...[below, path],
      ),
  };
}
