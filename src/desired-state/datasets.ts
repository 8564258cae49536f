import type { Cadence } from "../domain/label.ts";
import { type AbsolutePath, parseAbsolutePath, parseDatasetName } from "../domain/names.ts";
import { type Period, parsePeriod } from "../domain/period.ts";
import type { KeepRule } from "../domain/retention.ts";
import type { DatasetSpec, RetentionSpec } from "./desired-state.ts";
import { hooksOf } from "./hooks.ts";
import type { KnownHosts } from "./hosts.ts";
import { nearest } from "./nearest.ts";
import { type Claim, reportOverlaps } from "./overlaps.ts";
import type { Report } from "./report.ts";
import type { Named, WrittenDataset, WrittenRule } from "./written.ts";

/** A period, and some days in which whatever kept it can be seen to. */
const OVERDUE_AFTER: Readonly<Record<Cadence, Period>> = {
  monthly: { count: 40, unit: "day" },
  weekly: { count: 10, unit: "day" },
  daily: { count: 2, unit: "day" },
};

/** The datasets that are whole, in the order in which they are written, with defaults filled in. */
export function resolveDatasets(
  written: Named<WrittenDataset>,
  known: KnownHosts,
  report: Report,
): readonly DatasetSpec[] {
  const claims: Claim[] = [];
  const datasets = Object.entries(written).flatMap(([key, dataset]) => {
    const whole = dataset && resolveDataset(key, dataset, known, claims, report);
    return whole ? [whole] : [];
  });
  reportOverlaps(claims, report);
  return datasets;
}

function resolveDataset(
  key: string,
  dataset: WrittenDataset,
  known: KnownHosts,
  claims: Claim[],
  report: Report,
): DatasetSpec | undefined {
  const at = (...path: string[]) => ["datasets", key, ...path];
  // a reference that was refused must not be taken for one that was left out
  const host = (role: "workstation" | "server") =>
    Object.hasOwn(dataset, role) && dataset[role] === undefined
      ? undefined
      : known.withRole(role, dataset[role], at(role));
  const [workstation, server] = [host("workstation"), host("server")];
  const path = (what: Claim["what"], on: typeof server): AbsolutePath | undefined => {
    const text = dataset[what];
    if (text === undefined || text === null) return undefined;
    const parsed = parseAbsolutePath(text);
    if (parsed === undefined)
      return report(at(what), `\`${at(what).join(".")}\` is no absolute path`, "/a/path");
    if (on !== undefined) claims.push({ dataset: key, what, path: parsed, host: on });
    return parsed;
  };
  const paths = {
    path: path("path", workstation),
    snapshots: path("snapshots", workstation),
    repository: path("repository", server),
    workingCopy: path("working_copy", server) ?? null,
  };
  const timezone = dataset.timezone ?? "UTC";
  if (!isTimezone(timezone)) {
    const meant = nearest(timezone, Intl.supportedValuesOf("timeZone"));
    const right = `${meant ? `${meant}, if that was meant; ` : ""}an IANA time zone such as UTC or Europe/Berlin`;
    report(at("timezone"), `there is no time zone ${JSON.stringify(timezone)}`, right);
  }
  const name = parseDatasetName(key);
  const { owner } = dataset;
  if (!name || !owner || !workstation || !server || !paths.path || !paths.snapshots || !paths.repository) {
    return undefined;
  }
  return {
    name,
    path: paths.path,
    snapshots: paths.snapshots,
    owner,
    repository: paths.repository,
    workingCopy: paths.workingCopy,
    workstation: workstation.name,
    server: server.name,
    cadence: dataset.cadence ?? "monthly",
    timezone,
    compressionLevel: dataset.compression_level ?? 3,
    nestedSubvolumes: dataset.nested_subvolumes ?? "refuse",
    anchor: {
      maxAgeMonths: dataset.anchor?.max_age_months ?? 12,
      maxIncrementalRatio: dataset.anchor?.max_incremental_ratio ?? 1,
    },
    retention: retentionOf(dataset.retention ?? {}),
    overdueAfter: parsePeriod(dataset.overdue_after ?? "") ?? OVERDUE_AFTER[dataset.cadence ?? "monthly"],
    hooks: hooksOf(dataset.hooks ?? {}),
  };
}

const retentionOf = (written: NonNullable<WrittenDataset["retention"]>): RetentionSpec => ({
  workstationSnapshots: keepRule(written.workstation_snapshots ?? { keep_last: 3 }),
  serverSnapshots: keepRule(written.server_snapshots ?? { keep_last: 2 }),
  serverArtifacts: keepRule(written.server_artifacts ?? "all"),
  cloudArtifacts: keepRule(written.cloud_artifacts ?? "all"),
  auto: written.auto ?? false,
});

function keepRule(written: WrittenRule): KeepRule {
  if (written !== "all" && written.keep_last !== undefined) return { kind: "last", count: written.keep_last };
  if (written !== "all" && written.keep_chains !== undefined)
    return { kind: "chains", count: written.keep_chains };
  return { kind: "all" };
}

/** Newer versions of Intl take offsets such as `+01:00` too; those know no daylight saving time. */
function isTimezone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
