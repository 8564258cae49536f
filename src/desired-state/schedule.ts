import type { HostName } from "../domain/names.ts";
import type { DatasetSpec, ReachSpec, ScheduleSpec } from "./desired-state.ts";
import type { KnownHosts } from "./hosts.ts";
import type { Report } from "./report.ts";
import { reachedHosts } from "./standpoint.ts";
import type { Written } from "./written.ts";

/** Undefined where there is no schedule, or where it is not whole. */
export function resolveSchedule(
  written: Written["schedule"],
  known: KnownHosts,
  report: Report,
): ScheduleSpec | undefined {
  const { on, calendar } = written ?? {};
  const isKnown = (name: string) => known.hosts.has(name as HostName) || known.isRefused(name);
  const reach = new Map<HostName, ReachSpec>();
  let refused = false;
  for (const [name, host] of Object.entries(written?.reach ?? {})) {
    const at = ["schedule", "reach", name];
    refused ||= !isKnown(name) || name === on;
    if (!isKnown(name)) report(at, `there is no host \`${name}\``, known.anyOf());
    else if (name === on) report(at, `\`${name}\` need not reach itself`, "the other hosts alone");
    else if (host?.address !== undefined)
      reach.set(name as HostName, {
        address: host.address,
        port: host.port ?? 22,
        user: host.user ?? "root",
      });
  }
  if (on === undefined || calendar === undefined || refused) return undefined;
  if (!isKnown(on)) return report(["schedule", "on"], `there is no host \`${on}\``, known.anyOf());
  return { on: on as HostName, calendar, reach };
}

/** A host that is known as this machine alone has no address that the schedule's host could reach it at. */
export function everyHostReached(
  schedule: ScheduleSpec,
  datasets: readonly DatasetSpec[],
  known: KnownHosts,
  report: Report,
): void {
  for (const name of reachedHosts({ datasets, schedule, hosts: known.hosts }))
    if (known.hosts.get(name)?.connection.kind === "local" && !schedule.reach.has(name))
      report(
        ["schedule"],
        `\`${schedule.on}\` has to reach \`${name}\`, of which is only known that it is local`,
        `schedule.reach.${name}: { address: its name or address as ${schedule.on} knows it, user: its login }`,
      );
}
