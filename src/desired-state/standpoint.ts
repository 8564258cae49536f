import { type HostName, parseAbsolutePath, parseDatasetName, parseHostName } from "../domain/names.ts";
import type { DesiredState, HostSpec, NotifySpec, ReachSpec, SecretRef } from "./desired-state.ts";

/** On the host of a schedule: everything that its scheduled runs need besides the program. Root's alone. */
export const SCHEDULE_FOLDER = "/etc/devbackup/schedule";
export const SCHEDULE_STANDPOINT = `${SCHEDULE_FOLDER}/standpoint.json`;
export const SCHEDULE_KNOWN_HOSTS = `${SCHEDULE_FOLDER}/known_hosts`;
export const SCHEDULE_IDENTITY = `${SCHEDULE_FOLDER}/id_ed25519`;

/** The unit of a schedule says so to its runs. */
export const isScheduledRun = ({ DEVBACKUP_STANDPOINT: file = "" }: NodeJS.ProcessEnv): boolean =>
  file !== "";

/** The host on which a desired state is carried out by itself, and how the others are reached from there. */
export interface Standpoint {
  readonly host: HostName;
  /** As {@link coveredBy} has them: whoever has another desired state for that host sees whose schedule stands there. */
  readonly datasets: readonly string[];
  readonly reach: ReadonlyMap<HostName, Reached>;
}

/** `NAME:REPOSITORY` of each dataset: of people who share a server, each may have a dataset of that name. */
export const coveredBy = ({ datasets }: Pick<DesiredState, "datasets">): string[] =>
  datasets.map(({ name, repository }) => `${name}:${repository}`);

export interface Reached extends ReachSpec {
  readonly identityFile: string;
}

/**
 * `desired` as it is seen from there: that host is local, the others are reached as noted, and every secret is one of
 * systemd's credentials, in the folder `credentials`. What a restricted login may not do is left to whoever has an
 * administrator's.
 */
export const seenFrom = (
  { host, reach }: Standpoint,
  desired: DesiredState,
  credentials: string,
): DesiredState => ({
  ...desired,
  ...withSecrets(desired, (name) => ({ kind: "file", path: `${credentials}/${name}` })),
  hosts: new Map(
    [...desired.hosts].map(([name, spec]) => [
      name,
      name === host ? local(spec) : over(spec, reach.get(name)),
    ]),
  ),
});

const local = ({ restrict: _, ...spec }: HostSpec): HostSpec => ({ ...spec, connection: { kind: "local" } });

const over = (spec: HostSpec, reached: Reached | undefined): HostSpec =>
  reached === undefined
    ? spec
    : {
        ...spec,
        ...(spec.restrict && { restrict: { ...spec.restrict, admin: null } }),
        connection: { kind: "ssh", ...reached, knownHosts: SCHEDULE_KNOWN_HOSTS },
      };

/** What names secrets. */
type Naming = Pick<DesiredState, "cloud" | "notify">;

/** Every secret that a run of `desired` may need, by the name of its credential. */
export function secretsOf(desired: Naming): ReadonlyMap<string, SecretRef> {
  const found = new Map<string, SecretRef>();
  withSecrets(desired, (name, ref) => {
    found.set(name, ref);
    return ref;
  });
  return found;
}

function withSecrets(
  { cloud, notify }: Naming,
  replace: (name: string, ref: SecretRef) => SecretRef,
): Naming {
  const told = ({ on, way }: NotifySpec, index: number): NotifySpec => {
    if (!("url" in way) || typeof way.url === "string") return { on, way };
    return { on, way: { ...way, url: replace(`notify-${index}`, way.url) } };
  };
  return {
    cloud: cloud && {
      ...cloud,
      accessKeyId: replace("cloud-access-key-id", cloud.accessKeyId),
      secretAccessKey: replace("cloud-secret-access-key", cloud.secretAccessKey),
    },
    notify: notify.map(told),
  };
}

/** The hosts that a schedule's host has to reach, in the order of the file: hosts that are local are one machine. */
export function reachedHosts({
  datasets,
  schedule,
  hosts,
}: Pick<DesiredState, "datasets" | "schedule" | "hosts">): HostName[] {
  const isLocal = (name: HostName | undefined) =>
    name !== undefined && hosts.get(name)?.connection.kind === "local";
  return [...new Set(datasets.flatMap(({ workstation, server }) => [workstation, server]))].filter(
    (name) => name !== schedule?.on && !(isLocal(schedule?.on) && isLocal(name)),
  );
}

/** As it stands on that host; the same standpoint gives the same text. */
export const renderStandpoint = ({ host, datasets, reach }: Standpoint): string =>
  `${JSON.stringify({ formatVersion: 1, host, datasets, reach: Object.fromEntries(reach) }, null, 2)}\n`;

/** Undefined where `text` is not what {@link renderStandpoint} wrote. */
export function parseStandpoint(text: string): Standpoint | undefined {
  try {
    const { formatVersion, host, datasets, reach } = JSON.parse(text) as Record<string, unknown>;
    const on = parseHostName(String(host));
    if (formatVersion !== 1 || on === undefined || typeof reach !== "object" || reach === null)
      return undefined;
    if (!Array.isArray(datasets) || !datasets.every(isCovered)) return undefined;
    const reached = Object.entries(reach).map(
      ([name, how]) => [parseHostName(name), parseReached(how)] as const,
    );
    if (reached.some(([name, how]) => name === undefined || how === undefined)) return undefined;
    return { host: on, datasets, reach: new Map(reached as [HostName, Reached][]) };
  } catch {
    return undefined;
  }
}

function isCovered(text: unknown): text is string {
  if (typeof text !== "string") return false;
  const [name = "", ...repository] = text.split(":");
  return parseDatasetName(name) !== undefined && parseAbsolutePath(repository.join(":")) !== undefined;
}

function parseReached(value: unknown): Reached | undefined {
  const { address, port, user, identityFile } = value as Record<string, unknown>;
  return typeof address === "string" &&
    typeof port === "number" &&
    typeof user === "string" &&
    typeof identityFile === "string"
    ? { address, port, user, identityFile }
    : undefined;
}
