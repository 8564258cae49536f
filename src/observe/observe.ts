import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { absent, type Fact, known, unknown } from "../domain/fact.ts";
import type { Memory } from "../domain/memory.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import {
  type DatasetFacts,
  datasetProbes,
  type Observation,
  type RecoveredFacts,
  SHOWN_ALONE,
} from "../reconcilers/facts.ts";
import { lostKeys, toolsOn } from "../reconcilers/keys/key-files.ts";
import {
  type Restriction,
  type RestrictionFacts,
  restrictionProbe,
} from "../reconcilers/machine/restriction.ts";
import { type SystemFacts, systemProbe } from "../reconcilers/machine/system.ts";
import type { Probe } from "../reconcilers/probe.ts";
import type { RestoreTarget } from "../reconcilers/request.ts";
import { type AskedFacts, askedProbe } from "../reconcilers/schedule/asked-facts.ts";
import { type ScheduleFacts, scheduleProbe } from "../reconcilers/schedule/schedule-facts.ts";
import type { LookedAtSchedule } from "../reconcilers/schedule/wanted.ts";
import { type ScriptsFacts, scriptsProbe } from "../reconcilers/scripts/scripts-facts.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import { lookAtBucket, lookCloser } from "./bucket.ts";
import { type Reopen, withManifestCopies } from "./manifest-copy.ts";
import { mergedScript, type ProbeAnswer, readAnswers } from "./merge.ts";

export interface ObserveOptions {
  readonly desired: DesiredState;
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  /** Makes the marks between probes unguessable: what a probe prints can't pass for another's answer. */
  readonly nonce: string;
  readonly now: Date;
  /** Those that are asked; what is on others is unknown. */
  readonly hosts: ReadonlySet<HostName>;
  /** Where a restore brings a label beside what is there. */
  readonly target: RestoreTarget | null;
  /** Opens escrow and bucket for a dataset whose server has lost its keys or its manifest; null for never. */
  readonly recover: ((spec: DatasetSpec) => Promise<RecoveredFacts>) | null;
  /** Opens the bucket's manifest for a dataset whose server has lost its own, and has its keys. */
  readonly reopen: Reopen;
  /** What this controller remembers of a dataset. */
  readonly recall: (spec: DatasetSpec) => Promise<Fact<Memory>>;
  /** Of servers whose logins are looked at: what they should be kept to. */
  readonly restrictions?: ReadonlyMap<HostName, Restriction | null>;
  /** Looks at schedules too: with what should be there, null for none, where something is to follow from it. */
  readonly schedule?: Pick<LookedAtSchedule, "wanted">;
  /** What the bucket held when last looked at; it is not asked again then. */
  readonly buckets?: Observation["buckets"];
  /** Those that did not answer, and why: they are not asked, and what is on them is unknown for that reason. */
  readonly away?: ReadonlyMap<HostName, string>;
  /** Whether what is shown alone is asked too. Left out: it is not. */
  readonly all?: boolean;
}

const PROBE_TIMEOUT_MS = 5 * 60_000;

/**
 * Looks at everything that the desired state speaks of and changes nothing: one merged script a host, all
 * hosts side by side, and one listing of the bucket for each dataset.
 * @throws DevbackupError where a host can't be reached, or the bucket is not there or refuses its keys
 */
export async function observe(options: ObserveOptions): Promise<Observation> {
  const { desired, now } = options;
  const tasks = tasksOf(options);
  const hosts = [...new Set(tasks.map(({ probe }) => probe.host))];
  const [answers, buckets] = await Promise.all([
    Promise.all(
      hosts.map(async (host) =>
        ask(
          await options.host(host),
          tasks.filter(({ probe }) => probe.host === host),
          options.nonce,
        ),
      ),
    ),
    options.buckets !== undefined
      ? options.buckets
      : desired.cloud === null
        ? null
        : lookAtBucket(options, desired.cloud),
  ]);
  const byKey = new Map(answers.flatMap((part) => [...part]));
  const datasets = new Map(desired.datasets.map((spec) => [spec.name, factsOf(options, spec, byKey)]));
  const systems = new Map<HostName, Fact<SystemFacts>>([
    ...hosts.map((host) => [host, byKey.get(`system ${host}`) as Fact<SystemFacts>] as const),
    ...[...(options.away ?? [])].map(([host, why]) => [host, unknown(why)] as const),
  ]);
  return {
    takenAt: now,
    systems,
    datasets,
    ...(options.restrictions && { restrictions: restrictionsOf(options.restrictions, byKey) }),
    ...(options.schedule && {
      schedule: { ...options.schedule, ...schedulesOf(hosts, byKey) },
      scripts: new Map(
        hosts.map((host) => [host, byKey.get(`scripts ${host}`) as Fact<ScriptsFacts>] as const),
      ),
    }),
    buckets:
      buckets === null
        ? null
        : await withManifestCopies(options, await lookCloser(options, buckets, datasets), datasets),
    recovered: await recoverLost(options, datasets, systems),
    memory: new Map(
      await Promise.all(
        desired.datasets.map(async (spec) => [spec.name, await options.recall(spec)] as const),
      ),
    ),
  };
}

const restrictionsOf = (
  wanted: ReadonlyMap<HostName, Restriction | null>,
  byKey: ReadonlyMap<string, Fact<unknown>>,
): NonNullable<Observation["restrictions"]> =>
  new Map(
    [...wanted].flatMap(([host, restriction]) => {
      const there = byKey.get(`restriction ${host}`);
      return there === undefined
        ? []
        : [[host, { wanted: restriction, there: there as Fact<RestrictionFacts> }] as const];
    }),
  );

const schedulesOf = (
  hosts: readonly HostName[],
  byKey: ReadonlyMap<string, Fact<unknown>>,
): Pick<LookedAtSchedule, "there" | "asked"> => ({
  there: new Map(hosts.map((host) => [host, byKey.get(`schedule ${host}`) as Fact<ScheduleFacts>])),
  asked: (byKey.get("asked") ?? absent) as Fact<AskedFacts>,
});

/** One after the other: each may say why it can't be. */
async function recoverLost(
  { desired, recover }: ObserveOptions,
  datasets: Observation["datasets"],
  systems: Observation["systems"],
): Promise<Observation["recovered"]> {
  const recovered = new Map<DatasetName, Fact<RecoveredFacts>>();
  for (const spec of desired.datasets) {
    const facts = datasets.get(spec.name);
    if (recover !== null && facts !== undefined && hasLost(facts, toolsOn(systems, spec.server)))
      recovered.set(spec.name, known(await recover(spec)));
  }
  return recovered;
}

const hasLost = (facts: DatasetFacts, tools: ReadonlySet<string>): boolean =>
  facts.manifest.kind === "absent" || Object.values(lostKeys(facts, tools)).some((loss) => loss !== null);

interface Task {
  readonly key: string;
  readonly probe: Probe<unknown>;
}

function tasksOf(options: ObserveOptions): Task[] {
  const { desired, target, hosts: asked, restrictions, schedule, away, all = false } = options;
  const datasets = desired.datasets
    .flatMap((spec) =>
      Object.entries(datasetProbes(spec, target))
        .filter(([name]) => all || !SHOWN_ALONE.has(name))
        .map(([name, probe]) => ({ key: `${spec.name} ${name}`, probe })),
    )
    .filter(({ probe }) => asked.has(probe.host) && away?.has(probe.host) !== true);
  const { on } = desired.schedule ?? {};
  const isScheduled = schedule !== undefined && on !== undefined && asked.has(on) && away?.has(on) !== true;
  const hosts = new Set([...datasets.map(({ probe }) => probe.host), ...(isScheduled ? [on] : [])]);
  const askedOfIt = isScheduled ? askedProbe(desired) : null;
  return [
    ...[...hosts].map((host) => ({ key: `system ${host}`, probe: systemProbe(host) })),
    ...[...(restrictions?.keys() ?? [])]
      .filter((host) => hosts.has(host))
      .map((host) => ({ key: `restriction ${host}`, probe: restrictionProbe(host) })),
    ...(schedule === undefined
      ? []
      : [...hosts].flatMap((host) => [
          { key: `schedule ${host}`, probe: scheduleProbe(host) },
          { key: `scripts ${host}`, probe: scriptsProbe(host) },
        ])),
    ...(askedOfIt === null ? [] : [{ key: "asked", probe: askedOfIt }]),
    ...datasets,
  ];
}

async function ask(host: Host, tasks: readonly Task[], nonce: string): Promise<Map<string, Fact<unknown>>> {
  const result = await host.run(
    mergedScript(
      tasks.map(({ probe }) => probe.script),
      nonce,
    ),
    { timeoutMs: PROBE_TIMEOUT_MS },
  );
  const answers = readAnswers(result, nonce);
  return new Map(tasks.map(({ key, probe }, index) => [key, factOf(probe, answers[index])]));
}

/** What a probe's answer says; undefined for one that never came. */
export function factOf<Value>(probe: Probe<Value>, answer: ProbeAnswer | undefined): Fact<Value> {
  if (answer === undefined) return unknown("the probe was cut off");
  if (answer.exitCode !== 0)
    return unknown(answer.stderr.trim() || `the probe ended with exit code ${answer.exitCode}`);
  return probe.parse(answer.stdout);
}

/** Each probe's fact has the type of its own parser: the record that asked and the one answered have one shape. */
const factsOf = (
  { target, away }: ObserveOptions,
  spec: DatasetSpec,
  byKey: ReadonlyMap<string, Fact<unknown>>,
): DatasetFacts =>
  Object.fromEntries(
    Object.entries(datasetProbes(spec, target)).map(([name, { host }]) => [
      name,
      byKey.get(`${spec.name} ${name}`) ?? unknown(away?.get(host) ?? "it was not asked"),
    ]),
  ) as unknown as DatasetFacts;
