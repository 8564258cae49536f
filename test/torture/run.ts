import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { PlannedAction } from "../lab/expect.ts";
import type { Lab, Machine, Result } from "../lab/lab.ts";
import { startDevbackup } from "../lab/started.ts";
import type { Blow } from "./blows.ts";
import { told } from "./told.ts";

/** What is done to an apply, how long after its action has begun, and to which machine. */
export interface Stroke {
  readonly blow: Blow;
  readonly machine: Machine;
  readonly delayMs: number;
}

export interface Run {
  readonly planned: readonly PlannedAction[];
  /** What it was cut off with, and in which action; null where it came to its end. */
  readonly cut: { readonly id: string; readonly stroke: Stroke } | null;
  /** How long each action took, by its kind. */
  readonly durationsMs: ReadonlyMap<string, number>;
  readonly result: Result;
}

export interface RunOptions {
  readonly sshConfig: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Asked as each action begins, until it says how to cut. */
  readonly choose?: (action: PlannedAction, planned: readonly PlannedAction[]) => Stroke | null;
}

interface Event {
  readonly event: string;
  readonly plan?: { readonly actions: readonly PlannedAction[] };
  readonly action?: PlannedAction;
  readonly id?: string;
  readonly durationMs?: number;
}

/** What a run that lost its link leaves behind holds the lock for up to 6 s, and the message says so. */
const TRIES = 6;
const BETWEEN_TRIES_MS = 2_000;

/** One apply, cut off where `choose` says. @throws where it was not cut off and did not end well */
export async function run(lab: Lab, args: readonly string[], options: RunOptions): Promise<Run> {
  for (let tries = 1; ; tries += 1) {
    const done = await runOnce(lab, args, options);
    if (done.result.exitCode !== 3 || done.cut !== null || tries === TRIES) {
      if (done.cut === null) assert.equal(done.result.exitCode, 0, `${args.join(" ")}\n${told(done.result)}`);
      return done;
    }
    await sleep(BETWEEN_TRIES_MS);
  }
}

async function runOnce(lab: Lab, args: readonly string[], options: RunOptions): Promise<Run> {
  const { sshConfig, env, choose = () => null } = options;
  let planned: readonly PlannedAction[] = [];
  let [text, over] = ["", false];
  let dealt: { readonly id: string; readonly stroke: Stroke; readonly done: Promise<boolean> } | undefined;
  const durationsMs = new Map<string, number>();
  const kinds = new Map<string, string>();

  const deal = async ({ blow, machine, delayMs }: Stroke): Promise<boolean> => {
    if (delayMs > 0) await sleep(delayMs);
    if (over) return false;
    await blow.deal(lab, started, machine);
    return true;
  };
  const heard = ({ event, plan, action, id = "", durationMs = 0 }: Event): void => {
    if (event === "started" && plan !== undefined) planned = plan.actions;
    if (event === "action-done") durationsMs.set(kinds.get(id) ?? "", durationMs);
    if (event !== "action-started" || action === undefined) return;
    kinds.set(action.id, action.kind);
    const stroke = dealt === undefined ? choose(action, planned) : null;
    if (stroke === null) return;
    const done = deal(stroke);
    done.catch(() => {});
    dealt = { id: action.id, stroke, done };
  };
  const started = startDevbackup(lab, ["apply", "--yes", "--json", "--approve", "all", ...args], {
    sshConfig,
    ...(env !== undefined && { env }),
    onStdout: (chunk) => {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) heard(JSON.parse(line));
    },
  });
  const result = await started.ended;
  over = true;
  const cut = dealt !== undefined && (await dealt.done) ? { id: dealt.id, stroke: dealt.stroke } : null;
  assert.doesNotMatch(started.output(), /defect of devbackup/, `${args.join(" ")}\n${told(result)}`);
  return { planned, cut, durationsMs, result };
}
