import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Lab, Machine } from "./lab.ts";

/** Flips a bit of a file, 100 bytes before its end: its size stays, and so do its times. */
export const flip = (lab: Lab, machine: Machine, file: string): Promise<string> =>
  lab.must(
    machine,
    `set -eu; touch -r '${file}' /run/times; n=$(($(stat -c %s '${file}') - 100))
     byte=$(od -An -tu1 -j$n -N1 '${file}' | tr -d ' ')
     printf "\\\\$(printf %o $((byte ^ 1)))" | dd of='${file}' bs=1 seek=$n conv=notrunc status=none
     touch -r /run/times '${file}'`,
  );

/** Spoils the first block of a file on the disk below Btrfs, which answers with EIO from then on. */
export async function spoil(lab: Lab, machine: Machine, file: string): Promise<void> {
  await lab.must(machine, `sync '${file}'`);
  const { stdout: pids } = await execa("ip", ["netns", "pids", `${lab.id}-${machine}`]);
  const loop = (await readFile(join(lab.dir, machine, "loop"), "utf8")).trim();
  // filefrag(8) tells where a file lies among Btrfs's own addresses, btrfs-map-logical(8) where these lie on the disk
  const script = `
    p=$(filefrag -b4096 -v "/proc/$1/root$2" | awk '$1 == "0:" { print $4 + 0 }')
    at=$(btrfs-map-logical -l $((p * 4096)) -b 4096 "$3" | sed -n 's/^mirror 1 .* physical \\([0-9]*\\) .*/\\1/p')
    dd if=/dev/urandom of="$3" bs=4096 seek=$((at / 4096)) count=1 oflag=direct conv=notrunc status=none
    # what is in memory is still good
    dd if="/proc/$1/root$2" iflag=nocache count=0 status=none
    ! cat "/proc/$1/root$2" >/dev/null 2>&1`;
  await execa("sh", ["-euc", script, "sh", pids.split("\n")[0] ?? "", file, loop]);
}
