import type { ManifestRow } from "../domain/manifest.ts";

/** What a monitor learns of one run. */
export interface RunFigures {
  readonly endedAt: Date;
  readonly durationMs: number;
  readonly exitCode: number;
  /** Null where it can't be told: what was found before stays. */
  readonly unapproved: number | null;
  readonly warnings: number | null;
  /** All that are declared, in their order. */
  readonly datasets: readonly string[];
  /** Of those the ones that are as they should be. */
  readonly sound: ReadonlySet<string>;
  readonly newest: ReadonlyMap<string, ManifestRow>;
}

interface Metric {
  readonly name: string;
  readonly help: string;
  /** By dataset, or under "" for the run. Null or left out: as it was before. */
  readonly values: (figures: RunFigures) => Readonly<Record<string, number | null>>;
}

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);

const METRICS: readonly Metric[] = [
  {
    name: "devbackup_last_run_timestamp_seconds",
    help: "When the last run ended.",
    values: ({ endedAt }) => ({ "": seconds(endedAt) }),
  },
  {
    name: "devbackup_last_run_duration_seconds",
    help: "How long the last run took.",
    values: ({ durationMs }) => ({ "": durationMs / 1000 }),
  },
  {
    name: "devbackup_last_exit_code",
    help: "What the last run ended with; 0 is good.",
    values: ({ exitCode }) => ({ "": exitCode }),
  },
  {
    name: "devbackup_unapproved_actions",
    help: "Actions that wait for approval.",
    values: ({ unapproved }) => ({ "": unapproved }),
  },
  {
    name: "devbackup_warnings",
    help: "Warnings of the last run that somebody has to see to.",
    values: ({ warnings }) => ({ "": warnings }),
  },
  {
    name: "devbackup_last_success_timestamp_seconds",
    help: "When a run last left the dataset backed up as it is declared, and found no damage.",
    values: ({ sound, endedAt }) => Object.fromEntries([...sound].map((name) => [name, seconds(endedAt)])),
  },
  {
    name: "devbackup_newest_label_timestamp_seconds",
    help: "When the newest registered artifact of the dataset was made.",
    values: ({ newest }) =>
      Object.fromEntries([...newest].map(([name, { ts }]) => [name, seconds(new Date(ts))])),
  },
  {
    name: "devbackup_artifact_bytes",
    help: "Size of the newest registered artifact of the dataset.",
    values: ({ newest }) => Object.fromEntries([...newest].map(([name, { sizeBytes }]) => [name, sizeBytes])),
  },
];

/**
 * The textfile of a run, in Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats). What the run
 * can't tell keeps the value that it has in `before`, the file as it was; datasets that are declared no more go.
 */
export function renderMetrics(figures: RunFigures, before: string): string {
  const earlier = readSamples(before);
  return METRICS.map(({ name, help, values }) => {
    const now = values(figures);
    const samples = ["", ...figures.datasets].flatMap((dataset) => {
      const sample = dataset === "" ? name : `${name}{dataset="${escaped(dataset)}"}`;
      const value = now[dataset] ?? earlier.get(sample);
      return value === undefined ? [] : [`${sample} ${value}\n`];
    });
    return samples.length === 0 ? "" : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${samples.join("")}`;
  }).join("");
}

/** Of the lines that this program writes; whatever else stands there is passed over. */
function readSamples(text: string): ReadonlyMap<string, number> {
  const line = /^(devbackup_[a-z_]+(?:\{dataset="(?:[^"\\\n]|\\.)*"\})?) (\d{1,16}(?:\.\d{1,9})?)$/;
  return new Map(
    text.split("\n").flatMap((each) => {
      const [, sample = "", value = ""] = line.exec(each) ?? [];
      return sample === "" ? [] : [[sample, Number(value)] as const];
    }),
  );
}

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
