import type { AbsolutePath, HostName } from "../domain/names.ts";
import { AGAIN } from "../domain/trouble.ts";
import { formatBytes } from "../domain/units.ts";
import type { Action, Problem, Warning } from "../plan/plan.ts";
import { type Answer, problem, warning } from "./answer.ts";
import { type Place, RESERVE_BYTES } from "./machine/place.ts";
import { letGoBytes } from "./retention/expected.ts";
import { artifactDemands, type Demand, receiveDemands, storedDemands } from "./room-demands.ts";
import type { View } from "./view.ts";

/** One dataset as it was looked at, and what of the plan is about it. */
export interface Planned {
  readonly view: View;
  readonly actions: readonly Action[];
}

/** A file system that something is written to, and what is known to go there. */
interface Spot {
  readonly view: View;
  readonly host: HostName;
  readonly path: AbsolutePath;
  readonly place: Place;
  readonly demands: readonly Demand[];
}

/**
 * What there is no room for, by disk or by quota, and what would be written where nothing can be. A problem only where
 * that is certain; a size that nobody can know beforehand makes a warning. Pure.
 */
export function lookForRoom(
  planned: readonly Planned[],
): Required<Pick<Answer<never>, "problems" | "warnings">> {
  const idle = planned.filter(({ actions }) => actions.length === 0);
  const spots = planned.filter(({ actions }) => actions.length > 0).flatMap(spotsOf);
  const writable = spots.filter(({ place }) => !place.readOnly);
  const disks = [...Map.groupBy(writable, ({ host, place }) => `${host} ${place.fsUuid}`).values()];
  return {
    problems: [
      ...spots.filter(({ place }) => place.readOnly).map(cannotWrite),
      ...disks.flatMap(tooFull),
      ...writable.flatMap(overQuota),
    ],
    warnings: [...idle.flatMap(serverOf).flatMap(willNotWrite), ...disks.flatMap(mayBeTooFull)],
  };
}

function serverOf({ view, actions }: Planned): Spot[] {
  const { spec, facts } = view;
  if (facts.serverLayout.kind !== "known") return [];
  const of = (...kinds: string[]) => actions.filter(({ kind }) => kinds.includes(kind));
  const demands = [
    ...artifactDemands(view, of("artifact", "hydrate")),
    ...storedDemands(view, of("fetch", "hydrate")),
  ];
  const { place, remainsBytes = 0 } = facts.serverLayout.value;
  // of a run that was cut off: the artifact that is due goes in their place
  const given = of("artifact").length > 0 ? remainsBytes : 0;
  const found = {
    ...place,
    freeBytes: place.freeBytes + given,
    quota: place.quota && { ...place.quota, leftBytes: place.quota.leftBytes + given },
  };
  return [{ view, host: spec.server, path: spec.repository, place: found, demands }];
}

/** The repository among them whatever is done: the lock and the journal are there. */
function spotsOf(planned: Planned): Spot[] {
  const { view, actions } = planned;
  const { spec, facts, restore } = view;
  const of = (...kinds: string[]) => actions.filter(({ kind }) => kinds.includes(kind));
  const on = (host: HostName, some: readonly Action[]) => some.some((action) => action.host === host);
  const spots = serverOf(planned);
  const add = (host: HostName, path: AbsolutePath, place: Place, demands: readonly Demand[] = []) =>
    spots.push({ view, host, path, place, demands });
  const { workstationLayout, source, workingCopy, target } = facts;
  if (on(spec.workstation, of("layout", "snapshot", "receive")) && workstationLayout.kind === "known")
    add(spec.workstation, spec.snapshots, workstationLayout.value.place, receiveDemands(view, of("receive")));
  if (of("subvolume", "worktree").length > 0 && source.kind === "known")
    add(spec.workstation, spec.path, source.value.place);
  if (of("working-copy").length > 0 && workingCopy.kind === "known" && spec.workingCopy !== null)
    add(spec.server, spec.workingCopy, workingCopy.value.place);
  const to = restore?.to ?? null;
  if (of("extract").length > 0 && target.kind === "known" && to !== null)
    add(to.host, to.folder, target.value.place);
  return spots;
}

/** A file system that Btrfs has made read-only is not made writable by a remount (seen with Linux 6.18). */
const cannotWrite = ({ view, host, path }: Spot): Problem =>
  problem(
    "read-only",
    view.spec,
    host,
    `the file system at ${path} is read-only, and nothing can be done there`,
    "mount it writable there: mount -o remount,rw FOLDER; if that is refused, Btrfs made it so after an error: dmesg tells which, and it has to be unmounted and mounted again",
  );

const willNotWrite = ({ view, host, path, place }: Spot): Warning[] =>
  place.readOnly
    ? [
        warning(
          "read-only",
          view.spec,
          host,
          `the file system at ${path} is read-only: nothing is due today, and the next backup will be refused. Btrfs does that after an error; dmesg there tells which`,
        ),
      ]
    : [];

function tooFull(spots: readonly Spot[]): Problem[] {
  const demands = spots.flatMap((spot) => spot.demands);
  const certain = demands.filter(({ leastBytes }) => leastBytes > 0);
  const needed = sum(certain, "leastBytes");
  const [spot] = spots;
  if (spot === undefined || !(needed > 0 || demands.some(({ sparing }) => sparing))) return [];
  const { view, host, path, place } = spot;
  if (place.freeBytes >= needed + RESERVE_BYTES) return [];
  return [
    problem(
      "no-space",
      view.spec,
      host,
      `${formatBytes(place.freeBytes)} free at ${path}; needed: ${and(certain)}${formatBytes(RESERVE_BYTES)} to spare`,
      `${byRetention(spots, needed + RESERVE_BYTES - place.freeBytes)}free some space there, or give the file system more; nothing has been changed`,
    ),
  ];
}

/** Where what is let go there would do. Snapshots may free as much, but who knows. */
function byRetention(spots: readonly Spot[], missingBytes: number): string {
  const servers = spots.filter(({ view, host }) => host === view.spec.server).map(({ view }) => view);
  const freedBytes = [...new Set(servers)].reduce((bytes, view) => bytes + letGoBytes(view), 0);
  return freedBytes >= missingBytes
    ? `${AGAIN} --only retention --approve retention frees ${formatBytes(freedBytes)} of artifacts that the bucket has; or `
    : "";
}

/** Where it turns out not to do, what was begun is removed. */
function mayBeTooFull(spots: readonly Spot[]): Warning[] {
  const demands = spots.flatMap((spot) => spot.demands);
  const [spot] = spots;
  if (spot === undefined || demands.length === 0 || tooFull(spots).length > 0) return [];
  const { view, host, path, place } = spot;
  if (place.freeBytes >= sum(demands, "likelyBytes") + RESERVE_BYTES) return [];
  return [
    warning(
      "little-space",
      view.spec,
      host,
      `${formatBytes(place.freeBytes)} free at ${path} may not do for ${demands.map(({ what }) => what).join(", ")}: where it does not, what was begun is removed, and a later run goes on`,
    ),
  ];
}

function overQuota({ view, host, path, place: { quota }, demands }: Spot): Problem[] {
  const needed = sum(demands, "inFoldersBytes");
  if (quota === null || !(needed > 0 || demands.some(({ sparing }) => sparing))) return [];
  if (quota.leftBytes >= needed + RESERVE_BYTES) return [];
  const folders = needed > 0 ? `${formatBytes(needed)} for artifacts, and ` : "";
  return [
    problem(
      "over-quota",
      view.spec,
      host,
      `${formatBytes(quota.leftBytes)} left of the Btrfs quota of ${formatBytes(quota.limitBytes)} at ${path}; needed: ${folders}${formatBytes(RESERVE_BYTES)} to spare`,
      "raise it there: btrfs qgroup show -reF PATH tells which it is, btrfs qgroup limit SIZE PATH sets it; nothing has been changed",
    ),
  ];
}

const sum = (demands: readonly Demand[], what: "leastBytes" | "likelyBytes" | "inFoldersBytes"): number =>
  demands.reduce((total, demand) => total + demand[what], 0);

const and = (demands: readonly Demand[]): string =>
  demands.length === 0 ? "" : `${demands.map(({ what }) => what).join(", ")}, and `;
