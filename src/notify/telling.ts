import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { isGone, ownProcess, type RunRecord, type Runs } from "../controller/runs.ts";
import type { NotifySpec } from "../desired-state/desired-state.ts";
import { DAY_MS, HOUR_MS } from "../domain/units.ts";
import { worthSeeing } from "../plan/advice.ts";
import type { Plan } from "../plan/plan.ts";
import { type Delivery, type DeliveryOptions, deliver, type News } from "./deliver.ts";
import { createWitness, type Ending, type Witness } from "./ending.ts";
import { endMessage, lostMessage, occasionOf, type Run, startMessage } from "./message.ts";

export interface TellingOptions extends Pick<DeliveryOptions, "env" | "secretEnv" | "times"> {
  readonly run: Omit<Run, "begunAt">;
  readonly ways: readonly NotifySpec[];
  /** The names of all that are declared. */
  readonly datasets: readonly string[];
  /** The files of the desired state. */
  readonly files: readonly string[];
  /** It is a backup, and was asked for everything. */
  readonly whole: boolean;
  /** Somebody sits at a terminal: whoever presses Ctrl-C there need not be told. */
  readonly byHand: boolean;
  readonly runs: Runs;
  readonly now: () => Date;
  /** One line about a message that did not arrive. */
  readonly warn: (text: string) => void;
}

export interface Telling {
  readonly witness: Witness;
  /** Tells what the run came to: its exit code, or what it threw. Never rejects, and takes half a minute at most. */
  readonly end: (end: number | Error) => Promise<void>;
}

/** An older record of a run that told its end belongs to no unit that is still about to ask for it. */
const KEPT_MS = DAY_MS;

/** A host that is asleep is tried again every quarter of an hour. Less than a day, for runs are not that punctual. */
const SAME_AGAIN_MS = 23 * HOUR_MS;

/** From here on a run is told of: that it begins, what it came to, or by the next one that it never ended. */
export async function beginTelling(options: TellingOptions): Promise<Telling> {
  const { run, ways, whole, byHand, runs, now, env } = options;
  const id = randomUUID();
  const begun: Run = { ...run, begunAt: now() };
  const record: RunRecord = {
    ...run,
    id,
    whole,
    files: options.files,
    begunAt: begun.begunAt.toISOString(),
    process: await ownProcess(),
    invocation: env.INVOCATION_ID ?? null,
    exitCode: null,
  };
  const tell = async (news: Omit<News, "run">, of: string, signal?: AbortSignal): Promise<boolean> => {
    const deliveries = await deliver({ ...news, run: of }, ways, {
      ...options,
      now: now(),
      ...(signal !== undefined && { signal }),
    });
    // a start that is given up, for the end is there, has not failed
    if (signal?.aborted !== true) for (const text of warningsOf(deliveries)) options.warn(text);
    return isTold(deliveries);
  };
  await runs
    .write(record)
    .catch((error: NodeJS.ErrnoException) =>
      options.warn(
        `${runs.fileOf(id)} can't be written (${error.code ?? error.name}): were this run killed, nobody would be told`,
      ),
    );
  const forgetAtOnce = (): void => rmSync(runs.fileOf(id), { force: true });
  if (byHand) process.once("exit", forgetAtOnce);
  const before = tellOfLost(options, id, tell);
  const started = new AbortController();
  let start: Promise<unknown> = Promise.resolve();
  const witness = createWitness();
  return {
    witness: {
      ...witness,
      note: (event) => {
        witness.note(event);
        if (event.event === "started") start = tell(startNews(begun, event.plan, whole), id, started.signal);
      },
    },
    end: async (end) => {
      const ending = witness.ending(end);
      started.abort();
      await Promise.all([start, before]);
      if (isWorthTelling(run.what, ending, byHand))
        await tellEnd(options, begun, ending, (news) => tell(news, id));
      process.off("exit", forgetAtOnce);
      const noted =
        record.invocation === null ? runs.forget(id) : runs.write({ ...record, exitCode: ending.exitCode });
      await noted.catch(() => undefined);
    },
  };
}

const startNews = (run: Run, plan: Plan, whole: boolean): Omit<News, "run"> => ({
  message: startMessage(run, plan),
  forMonitors: whole,
  forPeople: plan.actions.length > 0,
  figures: null,
});

/** People hear of what is wrong once a day, however often it is tried again, and that nothing is any more. */
async function tellEnd(
  options: TellingOptions,
  run: Run,
  ending: Ending,
  tell: (news: Omit<News, "run">) => Promise<boolean>,
): Promise<void> {
  const { runs, files, byHand, now } = options;
  const news = endNews(run, ending, options);
  const { occasion, title } = news.message;
  const what = [title, ...[...ending.troubles, ...ending.warnings].map(nameOf).sort()].join("\n");
  const before = await runs.lastWrong(files, run.what);
  const at = now();
  const again =
    before?.what === what && ending.done.length === 0 && at.getTime() - Date.parse(before.at) < SAME_AGAIN_MS;
  const over = before !== null && occasion === "success";
  const told = await tell({ ...news, forPeople: over || (news.forPeople && (byHand || !again)) });
  if (again || !told) return;
  const wrong = occasion === "success" ? null : { what, at: at.toISOString() };
  await runs.noteWrong(files, run.what, wrong).catch(() => undefined);
}

/** What tells one trouble from another, whose texts have numbers that change from run to run. */
const nameOf = ({ code, host }: { readonly code: string; readonly host?: string | null }): string =>
  `${code} ${host ?? ""}`;

function endNews(run: Run, ending: Ending, { now, whole, datasets }: TellingOptions): Omit<News, "run"> {
  const { exitCode, sound, newest, unapproved, warnings, mode } = ending;
  const endedAt = now();
  return {
    message: endMessage(run, ending, endedAt),
    forMonitors: whole,
    // whoever has it run every hour hears of what it did
    forPeople: occasionOf(ending) !== "success" || ending.done.length > 0 || run.what !== "apply",
    figures: {
      endedAt,
      exitCode,
      sound,
      newest,
      datasets,
      durationMs: Math.max(0, endedAt.getTime() - run.begunAt.getTime()),
      unapproved: mode === null ? null : unapproved.length,
      warnings: mode === null ? null : worthSeeing(warnings).length,
    },
  };
}

/** Whoever said no, or pressed Ctrl-C, knows. */
const isWorthTelling = (what: Run["what"], { exitCode, mode }: Ending, byHand: boolean): boolean =>
  !(what === "apply" && exitCode === 0 && mode === null) && !(byHand && exitCode === 130);

/** Of runs before this one that never ended: the machine went down, or they were killed where systemd did not see it. */
async function tellOfLost(
  { files, runs, now }: TellingOptions,
  own: string,
  tell: (news: Omit<News, "run">, of: string) => Promise<boolean>,
): Promise<void> {
  const others = (await runs.all(files)).filter(({ id }) => id !== own);
  await Promise.all(
    others.map(async (record) => {
      const begunAt = new Date(record.begunAt);
      const old = now().getTime() - begunAt.getTime() > KEPT_MS;
      if (!(await isGone(record.process)) || (record.exitCode !== null && !old)) return;
      const told =
        record.exitCode !== null ||
        (await tell(
          {
            message: lostMessage(
              { ...record, begunAt },
              "it never ended; it was killed, or the machine went down",
              null,
            ),
            forMonitors: record.whole,
            forPeople: true,
            figures: null,
          },
          record.id,
        ));
      if (told || old) await runs.forget(record.id).catch(() => undefined);
    }),
  );
}

/**
 * Whether the message was taken by one of the ways that it was meant to go, or none was meant: else the next run tells it.
 * Where people were to hear it, no monitor does in their place: a file of this machine always takes it.
 */
export function isTold(deliveries: readonly Delivery[]): boolean {
  const toPeople = deliveries.filter((delivery) => delivery.toPeople);
  const asked = toPeople.length > 0 ? toPeople : deliveries;
  return asked.length === 0 || asked.some(({ arrived }) => arrived);
}

/** What did not arrive, and what is to be mended, a line each. */
export const warningsOf = (deliveries: readonly Delivery[]): string[] =>
  deliveries.flatMap(({ entry, arrived, how, warning }) => [
    ...(arrived ? [] : [`${entry}: the message did not arrive: ${how}`]),
    ...(warning === undefined ? [] : [`${entry}: ${warning}`]),
  ]);
