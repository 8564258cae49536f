import { openJournal } from "../apply/journal.ts";
import { takeLock } from "../apply/lock.ts";
import type { DatasetSpec, DesiredState, HostSpec } from "../desired-state/desired-state.ts";
import { snapshotName } from "../domain/artifact.ts";
import { afterApplyOf, HOOK_RESULTS, runAfterApplyHook } from "../reconcilers/hooks/after-apply.ts";
import { marked } from "../transport/bootstrap.ts";
import { READ_ADDRESS } from "../transport/bucket/curl.ts";
import { LET_GO } from "../transport/fence.ts";
import type { Host, RunningCommand } from "../transport/host.ts";
import { counted } from "../transport/scripted-host.ts";
import { killGroupOf } from "../transport/terminate.ts";
import { adding, changing } from "./issued.ts";
import { BEHIND_END, endOf, patternOf, STAND_IN } from "./pattern.ts";
import { probesLine } from "./probes.ts";
import { record } from "./recording.ts";

/** What a restricted login may run: lines that each hold an end, and the pattern of scripts that have it. */
export interface Allowed {
  readonly scripts: readonly string[];
  /** Those that get an address of the bucket as the first line of their stdin. */
  readonly withAddress: readonly string[];
  /** Those that end another script of the same login. */
  readonly signals: readonly string[];
}

/**
 * All that a backup, and with `full` a restore, issues on this server: each reconciler is carried out on a host that
 * only writes down what it is told, with stand-ins for what only a run knows.
 *
 * Left to an administrator's login: what is done once or after a loss (packages, folders, keys, escrow), what only a
 * person asks for (rebuild, import, tests of keys), and paths of the caller's choice.
 */
export async function allowedScripts(
  desired: DesiredState,
  host: HostSpec["name"],
  level: "full" | "add-only",
): Promise<Allowed> {
  const lines = { scripts: new Set<string>(), withAddress: new Set<string>(), signals: new Set<string>() };
  lines.scripts.add(probesLine(desired, host));
  for (const spec of desired.datasets.filter(({ server }) => server === host)) {
    const recording = record(host, desired.cloud);
    const { preface, lock } = await locking(host, spec);
    await openJournal(
      recording.host,
      spec,
      HOLDER,
      () => STAND_IN.now,
    )({ event: "apply-started", actions: [] });
    await adding(recording, desired, spec);
    for (const result of HOOK_RESULTS) {
      const hook = afterApplyOf(spec, STAND_IN.label, result);
      if (hook !== null) await runAfterApplyHook(recording.host, spec, hook, new AbortController().signal);
    }
    if (level === "full") await changing(recording, spec);
    const letGo = patternOf(`${LET_GO}\n`, spec);
    const line = (script: string) => {
      const pattern = patternOf(script, spec)
        .replace(`${STAND_IN.preface}${letGo}`, () => `(${preface}${letGo})?`)
        .replace(STAND_IN.preface, () => `(${preface})?`);
      return `${endOf(script)}${BEHIND_END}${manySnapshots(manyBases(pattern, spec), spec)}`;
    };
    lines.scripts.add(line(lock));
    for (const script of recording.scripts)
      (isAddressed(script) ? lines.withAddress : lines.scripts).add(line(script));
    for (const signal of ["TERM", "KILL"] as const) {
      const script = killGroupOf(STAND_IN.number, signal);
      lines.signals.add(line(script));
      lines.signals.add(line(marked(counted(`${STAND_IN.preface}${script}`, 0))));
    }
  }
  return { scripts: [...lines.scripts], withAddress: [...lines.withAddress], signals: [...lines.signals] };
}

const isAddressed = (script: string): boolean => script.includes(READ_ADDRESS.join("\n"));

const HOLDER = { who: STAND_IN.text, pid: STAND_IN.number, since: STAND_IN.text };

/** The lock's own script, and what stands before every other one as long as it is held. */
async function locking(name: HostSpec["name"], spec: DatasetSpec) {
  let taking = "";
  const host: Host = {
    ...record(name, null).host,
    // more than a lock waits for: so its script has the longest that there is
    patienceMs: Number.MAX_SAFE_INTEGER,
    start: async (script) => {
      taking = marked(script);
      return HELD;
    },
  };
  const lock = await takeLock(host, spec, HOLDER);
  return {
    preface: patternOf(lock.fenced(host).preface ?? "", spec),
    // how long a silence may last follows from the settings of whoever takes it
    lock: taking.replaceAll(/\b(?:600|300)\b/g, String(STAND_IN.number)),
  };
}

const HELD: RunningCommand = {
  firstLine: Promise.resolve("held"),
  ended: Promise.resolve({ exitCode: 0, stdout: "", stderr: "" }),
  alive: () => true,
  silentMs: () => 0,
  stop: async () => {},
};

/** What retention lets go is a list, of which one was rendered. */
function manySnapshots(pattern: string, spec: DatasetSpec): string {
  const one = patternOf(`${STAND_IN.uuid}=${snapshotName(spec.name, STAND_IN.label)}`, spec);
  return pattern.replace(`set -- ${one}`, () => `set -- (${one} ?)*`);
}

/** So is what a working copy may have been made from. */
function manyBases(pattern: string, spec: DatasetSpec): string {
  const begin = patternOf("base_of() { case $1 in ", spec);
  const [before = "", rest] = pattern.split(begin);
  if (rest === undefined) return pattern;
  const end = rest.indexOf(" esac; }");
  return `${before}${begin}(${rest.slice(0, end)} ?)*${rest.slice(end)}`;
}
