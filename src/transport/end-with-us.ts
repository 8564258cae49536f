import type { ChildProcess } from "node:child_process";

const groups = new Set<number>();
let listening = false;

/**
 * Has the group that `child` leads ended when this process exits, however early that is. It does not get the
 * terminal's Ctrl-C, and would otherwise go on: an OpenSSH client that carries an artifact for nobody, say.
 */
export function endWithUs(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  groups.add(pid);
  child.once("exit", () => groups.delete(pid));
  if (listening) return;
  listening = true;
  process.once("exit", () => {
    for (const group of groups) endGroup(group, "SIGTERM");
  });
}

export function endGroup(leader: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // gone in the meantime, or what is left of it is root's, and is signalled through sudo
  }
}
