import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import {
  escrowHere,
  keepAllowed,
  keepEscrow,
  keepSeen,
  keepSigner,
  memoryPlace,
  recall,
} from "../controller/memory.ts";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { WrittenFile } from "../desired-state/load.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import type { NewestSeen } from "../domain/memory.ts";
import type { DatasetName, HostName, Signer } from "../domain/names.ts";
import { type ObserveOptions, observe } from "../observe/observe.ts";
import type { Observation } from "../reconcilers/facts.ts";
import { newestSigned, newlySeen } from "../reconcilers/keys/memory.ts";
import type { Restriction } from "../reconcilers/machine/restriction.ts";
import type { Tools } from "../reconcilers/reconciler.ts";
import { asksForSchedule, hostsOf, type Request } from "../reconcilers/request.ts";
import type { AgeIdentity } from "../recovery/age-file.ts";
import type { Schedule } from "../schedule/wanted.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import { connectHost } from "../transport/connect.ts";
import type { Host } from "../transport/host.ts";
import { takeSecrets } from "./environment.ts";
import { factsOf, recovering } from "./recovering.ts";

/** The connections of one run: each host's and the bucket's, opened when first used, once. */
export interface Session {
  readonly host: (name: HostName) => Promise<Host>;
  readonly bucket: () => Promise<Bucket>;
  readonly escrow: Tools["escrow"];
  readonly trust: Tools["trust"];
  readonly keepEscrow: Tools["keepEscrow"];
  readonly scheduled: NonNullable<Tools["scheduled"]>;
  /** The copy of the escrow on this machine; null where there is none. */
  readonly escrowHere: (dataset: DatasetName) => Promise<Uint8Array | null>;
  /** See {@link observe}; with `buckets`, the bucket is not asked again. */
  readonly look: (
    buckets?: Observation["buckets"],
    more?: Pick<ObserveOptions, "away" | "all">,
  ) => Promise<Observation>;
  /** Of each dataset the newest row of its manifest, as it was last looked at; only where the server has signed it. */
  readonly newest: () => ReadonlyMap<DatasetName, ManifestRow>;
  /** Keeps in mind what was last looked at: the signer, and how far the manifest has come. */
  readonly remember: () => Promise<void>;
  /** Keeps in mind a manifest that the user has let through, whatever was seen before. */
  readonly allow: (dataset: DatasetName, signer: Signer, newest: NewestSeen | null) => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface SessionOptions {
  /** One line about something to mend that stops nothing; left out, nobody hears of it. */
  readonly warn?: (text: string) => void;
  /** Recovery identities, where the server may have lost its keys. */
  readonly identities?: readonly AgeIdentity[];
  /** Nothing but the keys is brought back with them. */
  readonly keysAlone?: boolean;
  /** Of the desired state, as it was written: what a schedule's host gets. Left out: schedules are only looked at. */
  readonly texts?: readonly WrittenFile[];
}

/** Contacts nothing yet. */
export function openSession(
  desired: DesiredState,
  request: Request,
  { warn = () => {}, identities = [], keysAlone = false, texts }: SessionOptions,
): Session {
  const hosts = new Map<HostName, Promise<Host>>();
  const env = takeSecrets(desired);
  let opened: Promise<Bucket> | undefined;
  let last: Observation | undefined;
  let away: Observation["buckets"] | undefined;
  let restrictions: ReturnType<typeof restrictionsIn> | undefined;
  const restricting = () => (restrictions ??= restrictionsIn(desired));
  let scheduling: Promise<Schedule | null> | undefined;
  const scheduled = (files: readonly WrittenFile[]) =>
    (scheduling ??= import("../schedule/wanted.ts").then(({ scheduleOf }) =>
      scheduleOf(desired, files, env),
    ));
  const schedules = async (): Promise<Pick<ObserveOptions, "schedule">> => {
    if (!asksForSchedule(desired, request)) return {};
    if (texts === undefined) return { schedule: {} };
    return { schedule: { wanted: desired.schedule && ((await scheduled(texts))?.wanted ?? null) } };
  };
  const host = (name: HostName): Promise<Host> => {
    const spec = desired.hosts.get(name);
    if (spec === undefined) throw new RangeError(`no host ${name}`);
    const connection = hosts.get(name) ?? connectHost(spec, process.env);
    hosts.set(name, connection);
    return connection;
  };
  const bucket = (): Promise<Bucket> => (opened ??= openBucket(desired, warn, env));
  const placeOf = (spec: DatasetSpec) => memoryPlace(spec, desired, { home: homedir(), env });
  const wanted = keysAlone ? null : (request.restore?.label ?? "latest");
  const { recovered, reopen } = recovering({ desired, identities, wanted, host, bucket, placeOf });
  const specOf = (name: DatasetName): DatasetSpec => {
    const found = desired.datasets.find((spec) => spec.name === name);
    if (found === undefined) throw new RangeError(`no dataset ${name}`);
    return found;
  };
  return {
    host,
    bucket,
    escrow: async (name) => (await recovered(specOf(name))).escrow,
    trust: (name, signer) => keepSigner(placeOf(specOf(name)), signer),
    escrowHere: (name) => escrowHere(placeOf(specOf(name))),
    keepEscrow: (name, bytes) => keepEscrow(placeOf(specOf(name)), bytes),
    scheduled: async () => {
      const schedule = await scheduled(texts ?? []);
      if (schedule === null) throw new RangeError("no schedule is declared");
      return schedule.toInstall;
    },
    look: async (buckets = away, more = {}) => {
      const seen = await observe({
        desired,
        host,
        bucket,
        nonce: randomBytes(12).toString("hex"),
        now: new Date(),
        hosts: hostsOf(desired, request),
        target: request.restore?.to ?? null,
        recall: async (spec) => recall(placeOf(spec)),
        restrictions: await restricting(),
        ...(await schedules()),
        reopen,
        recover:
          identities.length === 0 || request.restore === null
            ? null
            : async (spec) => factsOf(await recovered(spec)),
        ...(buckets !== undefined && { buckets }),
        ...more,
      });
      // a store that does not answer costs its time-outs once in a run, not with every look
      if (buckets === undefined && [...(seen.buckets?.values() ?? [])].some(({ kind }) => kind === "unknown"))
        away = seen.buckets;
      last = seen;
      return seen;
    },
    newest: () => newestSigned(last),
    remember: async () => {
      for (const spec of desired.datasets) {
        const seen = last === undefined ? null : newlySeen(desired, spec, last);
        if (seen !== null) await keepSeen(placeOf(spec), seen);
      }
    },
    allow: (name, signer, newest) => keepAllowed(placeOf(specOf(name)), { signer, newest }),
    close: async () => {
      const closing = [...hosts.values()].map(async (connection) => (await connection).close());
      await Promise.allSettled([...closing, opened?.then((open) => open.close())]);
    },
  };
}

/** What the logins of servers are to be kept to; null for those that are kept to nothing. */
async function restrictionsIn(desired: DesiredState): Promise<ReadonlyMap<HostName, Restriction | null>> {
  const found = new Map<HostName, Restriction | null>();
  for (const { server } of desired.datasets) {
    const host = desired.hosts.get(server);
    if (host === undefined || host.connection.kind === "local") continue;
    if (host.restrict === undefined) found.set(server, null);
    else {
      const { restrictionOf } = await import("../restrict/restriction.ts");
      found.set(server, await restrictionOf(desired.partOf ?? desired, host));
    }
  }
  return found;
}

async function openBucket(
  { cloud }: DesiredState,
  warn: (text: string) => void,
  env: NodeJS.ProcessEnv,
): Promise<Bucket> {
  if (cloud === null) throw new RangeError("no cloud is declared");
  const { connectBucket, readBucketKeys } = await import("../transport/bucket/bucket.ts");
  const { keys, warnings } = await readBucketKeys(cloud, env);
  for (const text of warnings) warn(text);
  return connectBucket(cloud, keys);
}
