import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";

/** Process ids whose environment or argument list holds `marker`, this process aside. */
export function processesWith(marker: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^[0-9]+$/.test(entry) && Number(entry) !== process.pid)
    .filter((pid) => ["environ", "cmdline"].some((file) => read(`/proc/${pid}/${file}`).includes(marker)))
    .map(Number);
}

/** Waits until it is so, ten seconds at most. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (isSo()) return;
    await setTimeout(20);
  }
  throw new Error("it did not come about within 10 s");
}

function read(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    // ended in the meantime
    return "";
  }
}
