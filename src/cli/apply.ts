import { type ApplyOptions, apply } from "../apply/apply.ts";
import { suggesting } from "../apply/in-words.ts";
import { AGAIN } from "../domain/trouble.ts";
import type { Witness } from "../notify/ending.ts";
import { isApproved, parseApproval } from "../plan/approval.ts";
import type { Action, Plan } from "../plan/plan.ts";
import { retold } from "../plan/saved.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import { planJson } from "../report/plan-json.ts";
import { planText } from "../report/plan-text.ts";
import { createProgress } from "../report/show-progress.ts";
import { commandLine, isNarrowed } from "./command-line.ts";
import { approve } from "./confirm.ts";
import { holderNow } from "./environment.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { interruptible } from "./interrupt.ts";
import { load } from "./load.ts";
import { exitCodeOf } from "./plan.ts";
import { type WhatToDo, whatToDo } from "./plan-file.ts";
import type { RequestFlags } from "./request.ts";
import { openSession, type Session } from "./session.ts";
import { telling } from "./telling.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

export interface ApplyFlags extends CommonFlags, RequestFlags, IdentityFlags {
  readonly yes?: boolean;
  readonly approve?: readonly string[];
}

/** `devbackup apply [PLANFILE]`: shows the plan, asks where someone can be asked, and carries it out. */
export async function applyCommand(planFile: string | undefined, flags: ApplyFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, texts } = loaded;
  const whole = !isNarrowed(flags) && flags.restore === undefined && planFile === undefined;
  const command = commandLine(AGAIN, flags);
  return telling(loaded, { what: "apply", command, whole }, { flags, terminal }, async (witness) =>
    carryOutAsked({ ...(await whatToDo(desired, planFile, flags)), texts }, flags, terminal, witness),
  );
}

/** Looks, shows, asks, and does it. Its errors suggest what the user typed. */
export const carryOutAsked = (
  what: WhatToDo,
  flags: ApplyFlags,
  terminal: Terminal,
  witness?: Witness,
): Promise<number> =>
  suggesting(what, async () => {
    const { desired, request, texts } = what;
    const identities = await identitiesOf(flags, terminal);
    const session = openSession(desired, request, {
      warn: terminal.warn,
      identities,
      ...(texts && { texts }),
    });
    try {
      return await agreeAndDo(what, flags, terminal, session, witness);
    } finally {
      witness?.saw(session.newest());
      await session.close();
    }
  });

async function agreeAndDo(
  { saved, ...what }: WhatToDo,
  flags: ApplyFlags,
  terminal: Terminal,
  session: Session,
  witness: Witness | undefined,
): Promise<number> {
  const fresh = planFrom(what.desired, await session.look(), what.request);
  const plan = saved === null ? fresh : retold(saved, fresh);
  const asked = parseApproval(flags.approve ?? []);
  const shown = planText(plan, {
    ...terminal,
    command: what.command,
    narrowed: what.narrowed,
    color: terminal.color && !terminal.quiet,
    asks: terminal.interactive,
    approved: (action) => isApproved(action, asked),
  });
  if (plan.problems.length > 0) {
    witness?.refused(plan);
    terminal.refuse(shown);
    if (terminal.json) await terminal.document({ formatVersion: 1, event: "refused", plan: planJson(plan) });
    return exitCodeOf(plan.problems);
  }
  // nobody is asked about what they have not seen
  if (!terminal.json) (isAsked(plan, terminal, flags) ? terminal.answer : terminal.say)(shown);
  noteUnmatched(plan, flags.approve ?? [], terminal);
  const approval = await approve(plan, asked, terminal, flags.yes);
  if (approval !== null)
    return carryOut({ ...what, saved: saved !== null, plan, approval, session, terminal, witness });
  terminal.say("Nothing was changed.\n");
  return 0;
}

/** An id that is in no plan is most likely mistyped; a kind may have nothing to do this time. */
function noteUnmatched(plan: Plan, words: readonly string[], terminal: Terminal): void {
  const ids = new Set<string>(plan.actions.map(({ id }) => id));
  for (const word of words)
    if (word.includes(":") && !ids.has(word)) terminal.warn(`--approve ${word}: no such action in this plan`);
}

const isAsked = ({ actions }: Plan, { interactive }: Terminal, { yes }: ApplyFlags): boolean =>
  actions.length > 0 && interactive && yes !== true;

type CarryOut = Omit<WhatToDo, "saved"> &
  Pick<ApplyOptions, "plan" | "saved" | "approval"> & {
    readonly session: Session;
    readonly terminal: Terminal;
    readonly witness: Witness | undefined;
  };

async function carryOut({
  session,
  terminal,
  witness,
  narrowed,
  wholeCommand,
  ...agreed
}: CarryOut): Promise<number> {
  let running: Action | undefined;
  const { signal, stop } = interruptible(() => afterStop(running, agreed.command));
  const progress = createProgress({
    kind: terminal.json ? "json" : terminal.live ? "tty" : "plain",
    out: process.stdout,
    err: process.stderr,
    color: terminal.color,
    quiet: terminal.quiet,
    now: Date.now,
    command: agreed.command,
    narrowed,
    ...(wholeCommand !== undefined && { wholeCommand }),
  });
  try {
    const exitCode = await apply({
      ...agreed,
      holder: holderNow(),
      host: session.host,
      bucket: session.bucket,
      escrow: session.escrow,
      trust: session.trust,
      keepEscrow: session.keepEscrow,
      scheduled: session.scheduled,
      look: session.look,
      emit: (event) => {
        if (event.event === "action-started") running = event.action;
        if (event.event === "action-done" || event.event === "action-failed") running = undefined;
        progress.emit(event);
        witness?.note(event);
      },
      now: () => new Date(),
      signal,
    });
    await session.remember();
    return exitCode;
  } finally {
    stop();
    await progress.end();
  }
}

/** What a run that is stopped at once leaves to the next one. */
function afterStop(running: Action | undefined, command: string): string {
  const cut =
    running === undefined
      ? "No action was running"
      : `${running.id} on ${running.host} was cut off: the next run looks at what has become of it, and finishes it or begins it afresh`;
  return `${cut}. What was done before stays.\nnext: ${command}`;
}
