import { randomBytes } from "node:crypto";
import { memoryFolder, readMemory, writeSeen } from "../controller/memory.ts";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { HostName } from "../domain/names.ts";
import { observe } from "../observe/observe.ts";
import type { Observation } from "../reconcilers/facts.ts";
import { newlySeen } from "../reconcilers/memory.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import { connectHost } from "../transport/connect.ts";
import type { Host } from "../transport/host.ts";

/** The connections of one run: each host's and the bucket's, opened when first used, once. */
export interface Session {
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  /** See {@link observe}; with `buckets`, the bucket is not asked again. */
  readonly look: (buckets?: Observation["buckets"]) => Promise<Observation>;
  /** Keeps in mind what was last looked at: the signer, and how far the manifest has come. */
  readonly remember: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export function openSession(desired: DesiredState, warn: (text: string) => void): Session {
  const hosts = new Map<HostName, Promise<Host>>();
  const env = takeSecrets(desired);
  let opened: Promise<Bucket> | undefined;
  let away: Observation["buckets"] | undefined;
  const host = (name: HostName): Promise<Host> => {
    const spec = desired.hosts.get(name);
    if (spec === undefined) throw new RangeError(`no host ${name}`);
    const connection = hosts.get(name) ?? connectHost(spec, process.env);
    hosts.set(name, connection);
    return connection;
  };
  let last: Observation | undefined;
  const folder = (spec: DatasetSpec): string => memoryFolder(desired, spec, env);
  const bucket = (): Promise<Bucket> => (opened ??= openBucket(desired, warn, env));
  return {
    host,
    bucket,
    look: async (buckets = away) => {
      const seen = await observe({
        desired,
        host,
        bucket,
        nonce: randomBytes(12).toString("hex"),
        now: new Date(),
        memory: async () =>
          new Map(
            await Promise.all(
              desired.datasets.map(async (spec) => [spec.name, await readMemory(folder(spec))] as const),
            ),
          ),
        ...(buckets !== undefined && { buckets }),
      });
      // a store that does not answer costs its time-outs once in a run, not with every look
      if ([...(seen.buckets?.values() ?? [])].some(({ kind }) => kind === "unknown")) away = seen.buckets;
      last = seen;
      return seen;
    },
    remember: async () => {
      for (const spec of desired.datasets) {
        const seen = last === undefined ? null : newlySeen(desired, spec, last);
        if (seen !== null) await writeSeen(folder(spec), seen);
      }
    },
    close: async () => {
      const closing = [...hosts.values()].map(async (connection) => (await connection).close());
      await Promise.allSettled([...closing, opened?.then((open) => open.close())]);
    },
  };
}

/** The environment as it was given. What is secret in it leaves it, so that no process started here inherits it. */
function takeSecrets({ cloud }: DesiredState): NodeJS.ProcessEnv {
  const given = { ...process.env };
  for (const ref of [cloud?.accessKeyId, cloud?.secretAccessKey])
    if (ref?.kind === "env") delete process.env[ref.name];
  return given;
}

async function openBucket(
  { cloud }: DesiredState,
  warn: (text: string) => void,
  env: NodeJS.ProcessEnv,
): Promise<Bucket> {
  if (cloud === null) throw new RangeError("no cloud is declared");
  const { connectBucket, readBucketKeys } = await import("../transport/bucket/bucket.ts");
  const { keys, warnings } = await readBucketKeys(cloud, env);
  for (const text of warnings) warn(`warning: ${text}\n`);
  return connectBucket(cloud, keys);
}
