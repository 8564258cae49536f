import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "./lab.ts";

/** Command lines, on both machines and here, of what carries an artifact: nothing where all of it has ended. */
export async function residue(lab: Lab): Promise<string[]> {
  const onMachine = (machine: "ws" | "ls") =>
    lab.must(
      machine,
      `ps -eo args= | grep -E '^(btrfs|zstd|age|openssl|tee|curl|flock) ' | sed 's/^/${machine}: /'; :`,
    );
  const [ws, ls, here] = await Promise.all([onMachine("ws"), onMachine("ls"), clients(lab)]);
  return [...ws.split("\n"), ...ls.split("\n"), ...here].filter((line) => line !== "");
}

/** Waits until there is none. @throws with what is left after `patienceMs` */
export async function noResidue(lab: Lab, patienceMs: number): Promise<void> {
  const start = Date.now();
  for (let left = await residue(lab); left.length > 0; left = await residue(lab)) {
    if (Date.now() - start > patienceMs)
      throw new Error(`still there after ${patienceMs} ms:\n${left.join("\n")}`);
    await sleep(200);
  }
}

/** OpenSSH clients that devbackup started towards this lab; the lab's own have other options. */
export async function clients({ addresses }: Lab): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const argv = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    const ours = argv[0] === "ssh" && argv.includes("BatchMode=yes");
    if (ours && argv.some((word) => word === addresses.ws || word === addresses.ls))
      found.push(`here: ${pid} ${argv.join(" ").slice(0, 200)}`);
  }
  return found;
}
