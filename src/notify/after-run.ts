import { constants } from "node:os";
import type { RunRecord, Runs } from "../controller/runs.ts";
import type { NotifySpec } from "../desired-state/desired-state.ts";
import { type Delivery, type DeliveryOptions, deliver } from "./deliver.ts";
import { lostMessage } from "./message.ts";
import { isTold } from "./telling.ts";

export interface AfterRunOptions extends DeliveryOptions {
  readonly ways: readonly NotifySpec[];
  readonly datasets: readonly string[];
  readonly files: readonly string[];
  readonly runs: Runs;
  /** For a run of which nothing is known. */
  readonly who: string;
  readonly command: string;
}

/**
 * What `ExecStopPost=` calls when a unit has ended, however it did. Where the run has told its end there is nothing to
 * do; where it could not (it was killed, or memory ran out), this tells for it. systemd says what became of it in
 * $SERVICE_RESULT, $EXIT_CODE and $EXIT_STATUS (systemd.exec(5)).
 */
export async function afterRun(options: AfterRunOptions): Promise<readonly Delivery[]> {
  const { runs, files, env, ways, now, datasets } = options;
  const found = (await runs.all(files)).find(
    ({ invocation }) => invocation !== null && invocation === env.INVOCATION_ID,
  );
  const deliveries = hasToldItself(found, env) ? [] : await tell(found);
  if (found !== undefined && isTold(deliveries)) await runs.forget(found.id).catch(() => undefined);
  return deliveries;

  function tell(record: RunRecord | undefined): Promise<readonly Delivery[]> {
    const begunAt = record === undefined ? null : new Date(record.begunAt);
    const exitCode = statusOf(env);
    const run = { what: "apply" as const, who: options.who, command: options.command, ...record, begunAt };
    return deliver(
      {
        message: lostMessage(run, howItEnded(env), exitCode),
        run: record?.id ?? crypto.randomUUID(),
        forMonitors: record?.whole ?? true,
        forPeople: true,
        figures: {
          endedAt: now,
          exitCode,
          datasets,
          unapproved: null,
          warnings: null,
          durationMs: begunAt === null ? 0 : Math.max(0, now.getTime() - begunAt.getTime()),
          sound: new Set(),
          newest: new Map(),
        },
      },
      ways,
      options,
    );
  }
}

/** A run that systemd calls good has told its end, or had nobody to tell it to. */
const hasToldItself = (record: RunRecord | undefined, env: NodeJS.ProcessEnv): boolean =>
  record === undefined ? env.SERVICE_RESULT === "success" : record.exitCode !== null;

function howItEnded({ SERVICE_RESULT = "", EXIT_CODE, EXIT_STATUS = "" }: NodeJS.ProcessEnv): string {
  if (SERVICE_RESULT === "oom-kill")
    return "the machine ran out of memory, and the kernel killed it (oom-kill)";
  if (SERVICE_RESULT === "timeout") return "it took longer than its unit allows (timeout)";
  if (EXIT_CODE === "killed" || EXIT_CODE === "dumped") return `it was killed by SIG${EXIT_STATUS}`;
  if (EXIT_CODE === "exited") return `it ended with exit code ${EXIT_STATUS}`;
  return `systemd calls its end ${SERVICE_RESULT}`;
}

/** As a shell has it: 128 and the number of the signal. */
function statusOf({ EXIT_CODE, EXIT_STATUS = "" }: NodeJS.ProcessEnv): number {
  if (EXIT_CODE === "exited" && /^\d{1,3}$/.test(EXIT_STATUS)) return Number(EXIT_STATUS);
  const signals: Readonly<Record<string, number>> = constants.signals;
  return 128 + (signals[`SIG${EXIT_STATUS}`] ?? 0);
}
