import type { HostName } from "../domain/names.ts";
import type { ReachSpec, ScheduleSpec } from "./desired-state.ts";
import type { KnownHosts } from "./hosts.ts";
import type { Report } from "./report.ts";
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
  for (const [name, host] of Object.entries(written?.reach ?? {})) {
    if (!isKnown(name)) report(["schedule", "reach", name], `there is no host \`${name}\``, known.anyOf());
    else if (name === on)
      report(["schedule", "reach", name], `\`${name}\` need not reach itself`, "the other hosts alone");
    else if (host?.address !== undefined)
      reach.set(name as HostName, {
        address: host.address,
        port: host.port ?? 22,
        user: host.user ?? "root",
      });
  }
  if (on === undefined || calendar === undefined) return undefined;
  if (!isKnown(on)) return report(["schedule", "on"], `there is no host \`${on}\``, known.anyOf());
  return { on: on as HostName, calendar, reach };
}
