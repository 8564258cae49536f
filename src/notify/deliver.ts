import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { NotifySpec, NotifyWay, SecretRef } from "../desired-state/desired-state.ts";
import { printable } from "../domain/printable.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Patience } from "../transport/bucket/retry.ts";
import { readSecret } from "../transport/secret.ts";
import { parseWebhook, post } from "./http.ts";
import { mailOf } from "./mail.ts";
import type { Message } from "./message.ts";
import { runProgram } from "./program.ts";
import { type RunFigures, renderMetrics } from "./prometheus.ts";
import { readTextfile, writeTextfile } from "./textfile.ts";
import { Undelivered } from "./undelivered.ts";
import { POSTS, type RunId } from "./webhooks.ts";

/** What there is to tell, and to whom. */
export interface News {
  readonly message: Message;
  readonly run: RunId;
  /** Monitors hear of every run that was asked for everything: one that hears nothing sounds the alarm. */
  readonly forMonitors: boolean;
  /** People hear of a run that has done something, or where something is wrong. */
  readonly forPeople: boolean;
  /** For Prometheus; null while nothing can be said. */
  readonly figures: RunFigures | null;
  /** Nothing has happened: it is sent to see whether it arrives, by every way and whatever the occasion. */
  readonly test?: boolean;
}

/** What became of one entry of `notify`. */
export interface Delivery {
  /** `notify.2 (ntfy)`; a URL is nowhere named. */
  readonly entry: string;
  /** Somebody reads it; a monitor only counts. */
  readonly toPeople: boolean;
  readonly arrived: boolean;
  /** What was answered, or why it did not arrive. One printable line. */
  readonly how: string;
  /** Something to mend beside it. */
  readonly warning?: string;
}

export interface DeliveryOptions {
  /** For programs that are started. */
  readonly env: NodeJS.ProcessEnv;
  /** The same with its secrets. */
  readonly secretEnv: NodeJS.ProcessEnv;
  readonly now: Date;
  readonly times?: Times;
  /** Where sendmail is looked for beside PATH. */
  readonly sendmailPlaces?: readonly string[];
  /** Gives up what has not arrived. */
  readonly signal?: AbortSignal;
}

export interface Times {
  readonly tryMs: number;
  /** Of everything together. */
  readonly allMs: number;
  readonly patience: Patience;
}

const TIMES: Times = {
  tryMs: 10_000,
  allMs: 30_000,
  patience: { attempts: 3, firstDelayMs: 1_000, longestDelayMs: 4_000 },
};
/** Users have no /usr/sbin in their PATH everywhere, and sendmail lives there. */
const SENDMAIL_PLACES = ["/usr/sbin", "/usr/lib"];

/** Tells `news` by all ways that its occasion is declared for, side by side. Never rejects. */
export async function deliver(
  news: News,
  ways: readonly NotifySpec[],
  options: DeliveryOptions,
): Promise<readonly Delivery[]> {
  const { allMs } = options.times ?? TIMES;
  const signals = [AbortSignal.timeout(allMs), ...(options.signal === undefined ? [] : [options.signal])];
  const told = ways.map(async (spec, index): Promise<Delivery | null> => {
    if (!isFor(spec, news)) return null;
    const { way } = spec;
    const entry = `notify.${index} (${way.kind})`;
    const warnings: string[] = [];
    const by: Teller = {
      news,
      options,
      times: options.times ?? TIMES,
      signal: AbortSignal.any(signals),
      warn: (text) => warnings.push(text),
    };
    const outcome = await tell(way, by).then(
      (how) => ({ arrived: true, how }),
      (error: unknown) => ({ arrived: false, how: whyNot(error) }),
    );
    const [warning] = warnings;
    return { entry, toPeople: !isMonitor(way), ...outcome, ...(warning !== undefined && { warning }) };
  });
  return (await Promise.all(told)).filter((delivery) => delivery !== null);
}

function isFor({ on, way }: NotifySpec, { message, forMonitors, forPeople, test, figures }: News): boolean {
  if (test === true) return true;
  if (way.kind === "prometheus") return forMonitors && figures !== null;
  return (way.kind === "healthchecks" ? forMonitors : forPeople) && on.includes(message.occasion);
}

const isMonitor = ({ kind }: NotifyWay): boolean => kind === "prometheus" || kind === "healthchecks";

interface Teller {
  readonly news: News;
  readonly options: DeliveryOptions;
  readonly times: Times;
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

/** Resolves with what was answered. */
async function tell(way: NotifyWay, teller: Teller): Promise<string> {
  const { message, run, figures } = teller.news;
  const { signal, times, options } = teller;
  const { env, sendmailPlaces = SENDMAIL_PLACES } = options;
  switch (way.kind) {
    case "ntfy":
    case "slack":
    case "healthchecks": {
      const url = parseWebhook(typeof way.url === "string" ? way.url : await secretOf(way.url, teller));
      const told = teller.news.test === true && way.kind === "healthchecks" ? logOnly(url) : url;
      return post(POSTS[way.kind](told, message, run), {
        tryTimeoutMs: times.tryMs,
        patience: times.patience,
        signal,
      });
    }
    case "email": {
      const mail = mailOf(message, { to: way.to, now: options.now, host: hostname(), id: randomUUID() });
      const PATH = [env.PATH, ...sendmailPlaces].filter(Boolean).join(":");
      await runProgram(["sendmail", "-t", "-i", "--"], { input: mail, env: { ...env, PATH }, signal });
      return "sendmail took it";
    }
    case "command":
      await runProgram(way.argv, {
        input: `${message.title}\n${message.text}`,
        env: { ...env, ...variablesOf(message) },
        signal,
      });
      return "exit code 0";
    case "prometheus": {
      const text = figures === null ? null : renderMetrics(figures, await readTextfile(way.file));
      await writeTextfile(way.file, text, randomUUID());
      return text === null ? "it can be written" : "written";
    }
  }
}

const variablesOf = ({ occasion, title, exitCode }: Message): NodeJS.ProcessEnv => ({
  DEVBACKUP_OCCASION: occasion,
  DEVBACKUP_TITLE: title,
  DEVBACKUP_EXIT_CODE: exitCode === null ? "" : String(exitCode),
});

async function secretOf(ref: SecretRef, { options, times, warn }: Teller): Promise<string> {
  const { value, warning } = await readSecret(ref, options.secretEnv, times.tryMs);
  if (warning !== undefined) warn(warning);
  return value;
}

/** A check that is only tried must not count as a backup: `/log` changes no status (healthchecks.io/docs/http_api). */
function logOnly(url: URL): URL {
  const log = new URL(url);
  log.pathname = `${log.pathname.replace(/\/+$/, "")}/log`;
  return log;
}

function whyNot(error: unknown): string {
  if (error instanceof Undelivered) return error.message;
  if (error instanceof DevbackupError)
    return printable([error.trouble.what, error.trouble.why].filter(Boolean).join(": "));
  // its message may hold the URL
  return `a defect of devbackup (${error instanceof Error ? error.name : "unknown"})`;
}
