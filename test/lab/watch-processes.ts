import { readdirSync, readFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import type { Lab } from "./lab.ts";

export interface Sighting {
  /** What was looked for, by its name. */
  readonly what: string;
  readonly where: "cmdline" | "environ";
  /** The command line of the process, for people. */
  readonly command: string;
}

export interface Watch {
  /** Ends it; what was seen until then, each thing once a command. */
  stop(): Promise<readonly Sighting[]>;
}

/**
 * Looks again and again through the arguments and the environment of every process of the lab's two machines,
 * and of those that a process of this one has started (but not itself), which holds whatever it was given. A fork that
 * has not become another program yet is its parent's copy, and is not looked at beside it.
 */
export function watchProcesses(lab: Lab, wanted: Readonly<Record<string, string>>): Watch {
  const seen = new Map<string, Sighting>();
  const needles = Object.entries(wanted).map(([what, text]) => ({ what, bytes: Buffer.from(text) }));
  let stopped = false;

  function look(pid: string, parent: string): void {
    const command = read(pid, "cmdline");
    if (command.equals(read(parent, "cmdline"))) return;
    for (const where of ["cmdline", "environ"] as const) {
      const bytes = where === "cmdline" ? command : read(pid, where);
      for (const needle of needles) {
        if (!bytes.includes(needle.bytes)) continue;
        const shown = command.toString("latin1").replaceAll("\0", " ").slice(0, 500);
        seen.set(JSON.stringify([needle.what, where, shown]), { what: needle.what, where, command: shown });
      }
    }
  }

  async function watch(): Promise<void> {
    const ofMachines = new RegExp(`/${lab.id}-(ws|ls)(/|$)`, "m");
    for (; !stopped; await turn()) {
      const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
      const parents = new Map(
        pids.map((pid) => [pid, read(pid, "stat").toString("latin1").match(PARENT)?.[1]]),
      );
      for (const pid of pids)
        if (ofMachines.test(read(pid, "cgroup").toString("latin1")) || isOfController(pid, parents))
          look(pid, parents.get(pid) ?? "");
    }
  }

  const watching = watch();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return [...seen.values()];
    },
  };
}

/** `PID (NAME) STATE PPID`, proc_pid_stat(5); the name may hold anything. */
const PARENT = /.*\) \S (\d+)/s;

/** Whether it stems from a child of this process: the child itself is the controller, and is not looked at. */
function isOfController(pid: string, parents: ReadonlyMap<string, string | undefined>): boolean {
  const own = String(process.pid);
  const parent = parents.get(pid);
  for (let at = parent; at !== undefined && at !== "0"; at = parents.get(at))
    if (parents.get(at) === own) return true;
  return false;
}

/** Empty for a process that has ended, or is the kernel's. */
function read(pid: string, file: string): Buffer {
  try {
    return readFileSync(`/proc/${pid}/${file}`);
  } catch {
    return Buffer.alloc(0);
  }
}
