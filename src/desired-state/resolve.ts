import { type AgeRecipient, type HostName, parseAgeRecipient } from "../domain/names.ts";
import { resolveCloud } from "./cloud.ts";
import { resolveDatasets } from "./datasets.ts";
import type { DesiredState } from "./desired-state.ts";
import { type KnownHosts, resolveHosts } from "./hosts.ts";
import type { Report } from "./report.ts";
import type { Written } from "./written.ts";

/**
 * Gives what is written its meaning: references, defaults, units, and whether it all fits together. Everything
 * that does not is reported, and left out of what comes back; so that holds only where nothing was reported,
 * here or before.
 */
export function resolve(written: Written, home: string, report: Report): DesiredState {
  const known = resolveHosts(written.hosts, home, report);
  return {
    hosts: known.hosts,
    datasets: resolveDatasets(written.datasets ?? {}, known, report),
    cloud: resolveCloud(written.cloud, home, report) ?? null,
    recoveryRecipients: resolveRecipients(written, report),
    schedule: resolveSchedule(written, known, report) ?? null,
  };
}

function resolveRecipients(written: Written, report: Report): readonly AgeRecipient[] {
  return (written.encryption?.recovery_recipients ?? []).flatMap((text, index) => {
    if (text === undefined) return [];
    const recipient = parseAgeRecipient(text);
    if (recipient !== undefined) return [recipient];
    report(["encryption", "recovery_recipients", String(index)], "this is no recipient of age", "age1…");
    return [];
  });
}

function resolveSchedule(
  written: Written,
  known: KnownHosts,
  report: Report,
): DesiredState["schedule"] | undefined {
  const { on, calendar } = written.schedule ?? {};
  if (on === undefined || calendar === undefined) return undefined;
  if (!known.hosts.has(on as HostName) && !known.isRefused(on)) {
    return report(["schedule", "on"], `there is no host \`${on}\``, known.anyOf());
  }
  return { on: on as HostName, calendar };
}
