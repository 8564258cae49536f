import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { openRuns } from "../controller/runs.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { afterRun } from "../notify/after-run.ts";
import { type Delivery, type DeliveryOptions, deliver } from "../notify/deliver.ts";
import { testMessage } from "../notify/message.ts";
import { warningsOf } from "../notify/telling.ts";
import { commandLine } from "./command-line.ts";
import { takeSecrets, whoAmI } from "./environment.ts";
import { load } from "./load.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

export interface NotifyFlags extends CommonFlags {
  readonly test?: boolean;
  readonly afterRun?: boolean;
}

/** `devbackup notify --test`: does a message arrive? `--after-run` is for systemd, where a run could not tell its end. */
export async function notifyCommand(flags: NotifyFlags): Promise<number> {
  const terminal = openTerminal(flags);
  if ((flags.test === true) === (flags.afterRun === true)) throw wrongFlags();
  if (flags.afterRun === true && process.env.SERVICE_RESULT === undefined) throw notByHand();
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { desired, files } = loaded;
  const ways = desired.notify;
  const secretEnv = takeSecrets(desired);
  const options: DeliveryOptions = { env: process.env, secretEnv, now: new Date() };
  if (flags.test === true) {
    const message = testMessage(whoAmI(), options.now);
    const everybody = { forMonitors: true, forPeople: true, figures: null, test: true };
    return show(await deliver({ message, run: randomUUID(), ...everybody }, ways, options), terminal);
  }
  const deliveries = await afterRun({
    ...options,
    ways,
    files,
    datasets: desired.datasets.map(({ name }) => name),
    runs: openRuns({ home: homedir(), env: process.env }),
    who: whoAmI(),
    command: commandLine("devbackup apply", flags),
  });
  for (const text of warningsOf(deliveries)) terminal.warn(text);
  // systemd would call the unit failed for it, whatever became of the backup
  return 0;
}

async function show(deliveries: readonly Delivery[], terminal: Terminal): Promise<number> {
  const width = Math.max(...deliveries.map(({ entry }) => entry.length));
  const { warn } = terminal;
  if (terminal.json) await terminal.document({ formatVersion: 1, deliveries });
  else if (deliveries.length === 0)
    terminal.answer("Nobody is declared to be told: see notify in desired-state/devbackup.yaml.\n");
  else
    terminal.answer(
      deliveries
        .map(({ entry, arrived, how }) => `${entry.padEnd(width)}  ${arrived ? "ok" : "FAILED"}: ${how}\n`)
        .join(""),
    );
  for (const { entry, warning } of deliveries) if (warning !== undefined) warn(`${entry}: ${warning}`);
  return deliveries.every(({ arrived }) => arrived) ? 0 : 1;
}

const wrongFlags = (): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: "devbackup notify takes one of --test and --after-run",
    state: "Nobody was told anything",
    next: "devbackup notify --test",
  });

const notByHand = (): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: "--after-run is for ExecStopPost= of a systemd unit, which says what became of the run",
    why: "$SERVICE_RESULT is not set",
    state: "Nobody was told anything",
    next: "devbackup notify --test",
  });
