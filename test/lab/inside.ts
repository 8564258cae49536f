import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Machine } from "./lab.ts";

/** A script as it is run on a machine from here, without the network and a login, which take a third of a second each time. */
export interface Inside {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * What runs a script there, in an environment like a login's and with no more rights than the machine's own: it ends with the
 * machine, and is frozen with it. Undefined where the machine is off.
 */
export async function inside(
  id: string,
  machine: Machine,
  script: string,
  user: string,
): Promise<Inside | undefined> {
  const init = await initOf(id, machine);
  if (init === undefined) return undefined;
  const status = await readFile(`/proc/${init}/status`, "utf8");
  const as = user === "root" ? [] : [`--reuid=${user}`, `--regid=${user}`, "--init-groups"];
  const env = user === "root" ? ["HOME=/root", SYSTEM_PATH] : [`HOME=/home/${user}`, USER_PATH];
  return {
    program: "sh",
    args: [
      ...["-c", ENTER, "sh", join(await cgroups(), `${id}-${machine}`, "inside"), init],
      ...["setpriv", boundingSet(status), ...as],
      ...["env", "-i", ...env, `USER=${user}`, `LOGNAME=${user}`, "SHELL=/bin/bash"],
      ...["sh", "-c", `cd || cd /\n${script}`],
    ],
  };
}

const SYSTEM_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/games";

const ENTER = `umask 022; mkdir -p "$1" && echo $$ >"$1/cgroup.procs" || exit 255
init=$2; shift 2; exec nsenter -a -t "$init" -- "$@"`;

/** The capabilities(7) that systemd-nspawn leaves to a machine, for setpriv(1). */
function boundingSet(status: string): string {
  const bits = BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(status)?.[1] ?? 0}`);
  const held = Array.from(bits.toString(2)).reverse();
  return `--bounding-set=-all${held.map((bit, cap) => (bit === "1" ? `,+cap_${cap}` : "")).join("")}`;
}

/** The machine's PID 1, as this machine numbers it; undefined where the machine is off. */
export async function initOf(id: string, machine: Machine): Promise<string | undefined> {
  const of = join(await cgroups(), `${id}-${machine}`, "payload/init.scope/cgroup.procs");
  for (const pid of (await readFile(of, "utf8").catch(() => "")).split("\n"))
    if ((await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "")) === "systemd\n") return pid;
  return undefined;
}

/** Where cgroups (v2) are mounted. */
async function cgroups(): Promise<string> {
  const found = /^\S+ (\S+) cgroup2 /m.exec(await readFile("/proc/self/mounts", "utf8"));
  return found?.[1] ?? "/sys/fs/cgroup";
}
