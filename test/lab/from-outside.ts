import { join } from "node:path";
import { execa } from "execa";
import { initOf } from "./inside.ts";
import type { Lab, Machine } from "./lab.ts";

/** Runs a command among a machine's files with rights that systemd-nspawn denies the machine's own processes. */
export async function fromOutside(lab: Lab, machine: Machine, command: readonly string[]): Promise<void> {
  const init = await initOf(lab.id, machine);
  if (init === undefined) throw new Error(`${machine} is off`);
  await execa("nsenter", ["-t", init, "-m", ...command]);
}

/** A second disk with an empty Btrfs, mounted at `folder` until the machine is switched off. */
export async function addDisk(lab: Lab, machine: Machine, folder: string): Promise<void> {
  const image = join(lab.dir, machine, "second.img");
  await execa("truncate", ["-s", "1G", image]);
  await execa("mkfs.btrfs", ["-q", image]);
  const { stdout: device } = await execa("losetup", ["-f", "--show", image]);
  try {
    const script = `mkdir -p "$1"; mknod /dev/second b 7 "$2"; mount /dev/second "$1"`;
    const number = device.replace("/dev/loop", "");
    await fromOutside(lab, machine, ["sh", "-euc", script, "sh", folder, number]);
  } finally {
    // in use, it goes when it is unmounted
    await execa("losetup", ["-d", device]);
  }
}
