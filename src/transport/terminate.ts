import { readStart, STARTED } from "./bootstrap.ts";
import { framed } from "./host.ts";
import type { Listening } from "./ssh/listening.ts";
import type { Session } from "./ssh/session.ts";
import type { SessionSlots } from "./ssh/session-slots.ts";
import { within } from "./within.ts";

const GRACE_MS = 5_000;

/**
 * Ends a running script and everything that it started in its process group: TERM, and after `graceMs` (by default five
 * seconds) KILL; then lets go of the session. Does what can be done and never throws.
 *
 * A closed channel alone ends nothing: sshd signals no process without a terminal, a signal request reaches
 * no process of root's, and ssh2 sends none once stdin has ended. So a second command, with the same
 * privileges, does it.
 */
export async function terminate(
  session: Session,
  heard: Listening,
  slots: SessionSlots,
  graceMs = GRACE_MS,
): Promise<void> {
  session.stdin.end();
  for (const [signal, patienceMs] of [
    ["TERM", graceMs],
    ["KILL", GRACE_MS],
  ] as const) {
    const signalled = heard.saidOnStderr(STARTED).then(async () => {
      const { pid } = readStart(heard.stderr());
      if (pid !== undefined) await send(slots, killGroupOf(pid, signal));
      return session.ended;
    });
    if ((await within(patienceMs, session.ended, signalled)) !== "late") return;
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
