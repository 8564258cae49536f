import type { CloudSpec, DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../domain/fact.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import {
  type BucketFacts,
  type DatasetFacts,
  datasetProbes,
  type Observation,
} from "../reconcilers/facts.ts";
import { type SystemFacts, systemProbe } from "../reconcilers/packages.ts";
import type { Probe } from "../reconcilers/reconciler.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import { mergedScript, type ProbeAnswer, readAnswers } from "./merge.ts";

export interface ObserveOptions {
  readonly desired: DesiredState;
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  /** Makes the marks between probes unguessable: what a probe prints can't pass for another's answer. */
  readonly nonce: string;
  readonly now: Date;
  /** What the bucket held when last looked at; it is not asked again then. */
  readonly buckets?: Observation["buckets"];
}

const PROBE_TIMEOUT_MS = 5 * 60_000;

/**
 * Looks at everything that the desired state speaks of and changes nothing: one merged script a host, all
 * hosts side by side, and one listing of the bucket for each dataset.
 * @throws DevbackupError where a host can't be reached, or the bucket is not there or refuses its keys
 */
export async function observe(options: ObserveOptions): Promise<Observation> {
  const { desired, now } = options;
  const tasks = tasksOf(desired);
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
  return {
    takenAt: now,
    systems: new Map(hosts.map((host) => [host, byKey.get(`system ${host}`) as Fact<SystemFacts>])),
    datasets: new Map(desired.datasets.map((spec) => [spec.name, factsOf(spec, byKey)])),
    buckets,
  };
}

interface Task {
  readonly key: string;
  readonly probe: Probe<unknown>;
}

function tasksOf(desired: DesiredState): Task[] {
  const datasets = desired.datasets.flatMap((spec) =>
    Object.entries(datasetProbes(spec)).map(([name, probe]) => ({ key: `${spec.name} ${name}`, probe })),
  );
  const hosts = new Set(datasets.map(({ probe }) => probe.host));
  return [...[...hosts].map((host) => ({ key: `system ${host}`, probe: systemProbe(host) })), ...datasets];
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

function factOf(probe: Probe<unknown>, answer: ProbeAnswer | undefined): Fact<unknown> {
  if (answer === undefined) return unknown("the probe was cut off");
  if (answer.exitCode !== 0)
    return unknown(answer.stderr.trim() || `the probe ended with exit code ${answer.exitCode}`);
  return probe.parse(answer.stdout);
}

/** Each probe's fact has the type of its own parser: the record that asked and the one answered have one shape. */
const factsOf = (spec: DatasetSpec, byKey: ReadonlyMap<string, Fact<unknown>>): DatasetFacts =>
  Object.fromEntries(
    Object.keys(datasetProbes(spec)).map((name) => [name, byKey.get(`${spec.name} ${name}`)]),
  ) as unknown as DatasetFacts;

/** A store that can't be reached today is unknown; one that refuses what was declared is an error. */
async function lookAtBucket(
  { bucket: open, desired }: ObserveOptions,
  cloud: CloudSpec,
): Promise<Map<DatasetName, Fact<BucketFacts>>> {
  const bucket = await open();
  const look = async ({ name }: DatasetSpec): Promise<[DatasetName, Fact<BucketFacts>]> => {
    const prefix = `${cloud.prefix}${name}/`;
    try {
      const [objects, unfinished] = await Promise.all([
        bucket.list(prefix),
        bucket.unfinishedUploads(prefix),
      ]);
      return [name, known({ objects: new Map(objects.map((object) => [object.key, object])), unfinished })];
    } catch (error) {
      if (error instanceof DevbackupError && PASSING.has(error.trouble.code))
        return [
          name,
          unknown([error.trouble.what, error.trouble.why].filter((text) => text !== undefined).join(": ")),
        ];
      throw error;
    }
  };
  return new Map(await Promise.all(desired.datasets.map(look)));
}

const PASSING = new Set(["cloud-unreachable", "cloud-unavailable"]);
