import { readStart } from "./bootstrap.ts";
import { framed } from "./host.ts";
import type { Listening } from "./listening.ts";
import type { Session } from "./session.ts";
import type { SessionSlots } from "./session-slots.ts";

const GRACE_MS = 5_000;

/**
 * Ends a running script and everything that it started in its process group: TERM, and after five seconds
 * KILL; then lets go of the session. Does what can be done and never throws.
 *
 * A closed channel alone ends nothing: sshd signals no process without a terminal, a signal request reaches
 * no process of root's, and ssh2 sends none once stdin has ended. So a second command, with the same
 * privileges, does it.
 */
export async function terminate(session: Session, heard: Listening, slots: SessionSlots): Promise<void> {
  session.stdin.end();
  for (const signal of ["TERM", "KILL"] as const) {
    const late = delay(GRACE_MS);
    const gone = Promise.race([session.ended, late.over]);
    await Promise.race([heard.saidOnStderr(/^devbackup-shell [0-9]+\n/m), gone]);
    const { pid } = readStart(heard.stderr());
    if (pid !== undefined) await Promise.race([send(slots, killGroupOf(pid, signal)), gone]);
    const end = await gone;
    late.cancel();
    if (end !== "over") return;
  }
  session.abandon();
}

/** A script that signals the process group of `pid`. Its number stands fifth in proc(5)'s stat, `sh` being one word. */
export const killGroupOf = (pid: number, signal: "TERM" | "KILL"): string =>
  `read -r _ _ _ _ group _ < /proc/${pid}/stat && kill -s ${signal} -- "-$group"`;

async function send(slots: SessionSlots, script: string): Promise<void> {
  try {
    const aside = await slots.openAside();
    aside.stdin.on("error", () => {});
    aside.stdout.resume();
    aside.stderr.resume();
    aside.stdin.end(framed(script));
    await aside.ended;
  } catch {
    // no room or no link: abandoning the session is all that is left
  }
}

/** A wait that does not keep the program alive once it is cancelled. */
export function delay(ms: number): { readonly over: Promise<"over">; readonly cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<"over">();
  const timer = setTimeout(() => resolve("over"), ms);
  return { over: promise, cancel: () => clearTimeout(timer) };
}
