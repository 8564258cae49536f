import type { DatasetName, HostName } from "../domain/names.ts";
import { AGAIN, DevbackupError } from "../domain/trouble.ts";
import { formatAgo, formatLocalTime } from "../domain/units.ts";

/** Who holds a lock, as the one that is refused is told. */
export interface Holder {
  /** `chuck@laptop`. */
  readonly who: string;
  /** Of the controller. */
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
}

/** What a lock's script says where somebody else holds it; times in seconds, by the clock of its host. */
const BUSY = /^busy (-?\d+) (-?\d+) (\d+) (\d+) (\S) (.*)$/;

/** Somebody else holds the lock: who, since when, and what to do where it will never end. Undefined for any other line. */
export function locked(
  host: HostName,
  dataset: DatasetName,
  line: string,
  { since: now }: Holder,
): DevbackupError | undefined {
  const [, ageText, silentText, patienceText, pid, state, holder = ""] = BUSY.exec(line) ?? [];
  if (ageText === undefined) return undefined;
  const [ageSeconds, silentSeconds, patience] = [ageText, silentText, patienceText].map(Number) as [
    number,
    number,
    number,
  ];
  const since = new Date(Date.parse(now) - Math.max(0, ageSeconds) * 1000);
  const silent = patience > 0 && silentSeconds > patience / 2;
  return new DevbackupError({
    code: "locked",
    exitCode: 3,
    host,
    what: `another apply works on ${dataset}`,
    why: `${nameOf(holder, since, ageSeconds)}${silent ? `; not heard of for ${silentSeconds} s` : ""}`,
    state: "Nothing was changed",
    next:
      state === "T" || (silent && silentSeconds > patience * 2)
        ? `the lock is kept there by process ${pid}${state === "T" ? ", which is stopped" : ""}. If that run is over, on ${host}: kill -KILL ${pid}, then: ${AGAIN}`
        : silent
          ? `it is stopped, or cut off from ${host}: after ${patience} s without a word it loses the lock; then: ${AGAIN}`
          : `wait for it to end, then: ${AGAIN}`,
  });
}

function nameOf(holder: string, since: Date, ageSeconds: number): string {
  try {
    const { who, pid } = JSON.parse(holder) as Partial<Holder>;
    return `held by ${who}, process ${pid}, since ${formatLocalTime(since)} (${formatAgo(ageSeconds * 1000)})`;
  } catch {
    return "its holder has not said yet who it is";
  }
}

/** Nobody holds the lock, and something that was begun under it goes on. Undefined for any other line. */
export function stillAtWork(host: HostName, dataset: DatasetName, line: string): DevbackupError | undefined {
  const [, pids] = /^((?:\d+ )*)at work$/.exec(line) ?? [];
  if (pids === undefined) return undefined;
  const processes = pids.trim().split(" ").join(",");
  return new DevbackupError({
    code: "locked",
    exitCode: 3,
    host,
    what: `a step of an earlier run on ${dataset} has not ended yet`,
    why: `that run is gone, and process ${processes} goes on with what it began`,
    state: "Nothing was changed",
    next: `wait for it (on ${host}: ps -o pid,stat,etime,args -p ${processes}), then: ${AGAIN}`,
  });
}
