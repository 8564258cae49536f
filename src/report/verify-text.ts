import { countsOf, exitCodeOf, type Findings, isWrong, lost } from "../domain/findings.ts";
import type { Label } from "../domain/label.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import type { DatasetName, HostName } from "../domain/names.ts";
import { printable } from "../domain/printable.ts";
import { formatBytes, formatDuration, formatMinute, plural } from "../domain/units.ts";
import { type Finding, thingInWords, type VerifiedPlace } from "../domain/verification.ts";
import { typeOf } from "./chain-text.ts";
import { painter, type Style, type TextOptions, wrapAfter, wrapBehind } from "./lines.ts";
import { type Column, fitting, headingLine, rowLine } from "./table.ts";

/** What one dataset was found to be. */
export interface VerifyReport extends Findings {
  readonly dataset: DatasetName;
  readonly server: HostName;
  readonly resumedFrom: Date | null;
  readonly checkedBytes: number;
  readonly durationMs: number;
  /** What mends what can be mended, in the user's words. */
  readonly mend: string;
  /** What shows the chain of a label, in the user's words. */
  readonly chain: (label: Label) => string;
}

/** A line a label, then what is wrong with what, and what it comes to; ends with a newline. */
export function verifyText(report: VerifyReport, options: TextOptions): string {
  const { dataset, server, rows, findings } = report;
  const paint = painter(options.color);
  const title = paint("bold", printable(`${dataset} on ${server}`));
  if (rows.length === 0) return `${title}\nNo artifact is registered yet.\n`;
  const at = new Map(findings.map((finding) => [`${finding.place} ${finding.label}`, finding]));
  const table = fitting(columns(at), rows, options.width);
  return `${[
    title,
    headingLine(table, paint),
    ...rows.map((row) => rowLine("", row, table, paint)),
    "",
    ...findings
      .filter(({ why, state }) => why !== null || state === "missing")
      .flatMap((finding) => wrongLines(finding, report, options)),
    ...lostLines(report, options),
    ...closingLines(report, options),
  ].join("\n")}\n`;
}

/** The same for a message: what it comes to, then what is not whole. */
export function verifyLines(report: VerifyReport): string[] {
  const asked = report.findings.filter(({ state }) => state !== "not-wanted");
  const bad = asked.filter(({ state }) => state !== "ok");
  const copies = plural(asked.length, "copy", "copies");
  if (bad.length === 0) return [`${report.dataset}: ${copies} looked at, all as they should be`];
  return [
    `${report.dataset}: ${copies} looked at, ${bad.length} not known to be whole`,
    ...bad.map(
      (finding) =>
        `- ${thingInWords(finding, report)}: ${[finding.state, finding.why && firstLine(finding.why)].filter((word) => word !== null).join(": ")}`,
    ),
    ...nextLines(report),
  ];
}

/** The same for programs, without `formatVersion`. */
export const verifyJson = (report: VerifyReport) => {
  const { dataset, server, rows, findings, resumedFrom, checkedBytes, durationMs } = report;
  const of = (label: Label, place: VerifiedPlace) => {
    const found = findings.find((each) => each.label === label && each.place === place);
    return found === undefined
      ? null
      : { state: found.state, check: found.check, at: found.at?.toISOString() ?? null, why: found.why };
  };
  return {
    dataset,
    server,
    labels: rows.map(({ label, parent, sizeBytes }) => ({
      label,
      parent,
      sizeBytes,
      server: of(label, "server"),
      bucket: of(label, "bucket"),
      hydrated: of(label, "hydrated"),
    })),
    lost: lost(report),
    counts: countsOf(findings),
    resumedFrom: resumedFrom?.toISOString() ?? null,
    checkedBytes,
    durationMs,
    result: ["ok", "not-checked", "damaged"][[0, 1, 6].indexOf(exitCodeOf(report))],
  };
};

type At = ReadonlyMap<string, Finding>;

function columns(at: At): readonly Column<ManifestRow>[] {
  const of = (heading: string, place: VerifiedPlace): Column<ManifestRow> => ({
    heading,
    align: "left",
    spare: 0,
    cell: ({ label }) => cellOf(at.get(`${place} ${label}`)),
    style: ({ label }) => styleOf(at.get(`${place} ${label}`)),
  });
  return [
    { heading: "LABEL", align: "left", spare: 0, cell: (row) => row.label },
    { heading: "TYPE", align: "left", spare: 1, cell: typeOf },
    { heading: "SIZE", align: "right", spare: 0, cell: (row) => formatBytes(row.sizeBytes) },
    of("SERVER", "server"),
    of("BUCKET", "bucket"),
    of("HYDRATED", "hydrated"),
  ];
}

const HOW = {
  hash: "ok",
  deep: "ok, parsed",
  note: "ok, by its note",
  download: "ok, read",
  files: "ok, read",
  fingerprint: "ok, as backed up",
} as const;

function cellOf(finding: Finding | undefined): string {
  if (finding === undefined || finding.state === "not-wanted") return "–";
  if (finding.state === "ok") return finding.check === null ? "ok" : HOW[finding.check];
  return finding.state === "not-checked" ? "not checked" : finding.state;
}

function styleOf(finding: Finding | undefined): Style | null {
  if (finding === undefined || finding.state === "not-wanted") return "dim";
  if (finding.state === "ok") return "green";
  return finding.state === "not-checked" ? "yellow" : ["bold", "red"];
}

/** A program that could not read says so several times. */
const firstLine = (text: string): string => text.split("\n", 1)[0] ?? text;

function wrongLines(finding: Finding, report: VerifyReport, { color, width }: TextOptions): string[] {
  const paint = painter(color);
  const word = finding.state === "not-checked" ? "not checked" : finding.state;
  const said = finding.why === null ? "" : `: ${firstLine(finding.why)}`;
  const text = printable(`${thingInWords(finding, report)}${said}`);
  const style: Style = finding.state === "not-checked" ? "yellow" : ["bold", "red"];
  return wrapBehind(`${word}  `, style, text, width, paint);
}

const lostLines = (report: VerifyReport, { color, width }: TextOptions): string[] =>
  lost(report).flatMap(({ label, costs, asRegistered }) => {
    const cost =
      costs.length === 0
        ? `what rests on it stands on ${report.server} alone`
        : `it costs ${plural(costs.length, "label")}: ${costs.join(", ")}`;
    const text = asRegistered
      ? `The artifact of ${label} is the very one that was registered, so that no copy is better: ${cost}.`
      : `The artifact of ${label} is whole nowhere: ${cost}. Put it back from another copy: devbackup manifest import DIR. Without one, the next artifact is an anchor.`;
    const [first = "", ...rest] = wrapAfter("", printable(text), width);
    return [painter(color)(["bold", "red"], first), ...rest];
  });

function closingLines(report: VerifyReport, { color, width }: TextOptions): string[] {
  const { findings, checkedBytes, durationMs, resumedFrom } = report;
  const paint = painter(color);
  const { ok, damaged, missing, notChecked } = countsOf(findings);
  const all = ok + damaged + missing + notChecked;
  const wrong = [
    ...(damaged > 0 ? [`${damaged} damaged`] : []),
    ...(missing > 0 ? [`${missing} missing`] : []),
    ...(notChecked > 0 ? [`${notChecked} not checked`] : []),
  ];
  const work = `${formatBytes(checkedBytes)} read in ${formatDuration(durationMs)}`;
  const resumed =
    resumedFrom === null
      ? []
      : wrapAfter(
          "",
          `It went on with the run of ${formatMinute(resumedFrom.toISOString())} UTC, which was cut off.`,
          width,
        );
  if (wrong.length === 0)
    return [
      ...resumed,
      `${paint(["bold", "green"], "verified:")} all ${plural(all, "copy", "copies")} as they should be, ${work}`,
    ];
  return [
    ...resumed,
    `${paint(["bold", "red"], "verified:")} ${wrong.join(", ")}, of ${plural(all, "copy", "copies")}; ${work}`,
    ...nextLines(report),
  ];
}

/** What can be done about what is not as it should be. */
function nextLines(report: VerifyReport): string[] {
  const { findings, mend, chain } = report;
  const wrong = findings.filter(isWrong);
  const gone = lost(report);
  const isLost = (label: Label) => gone.some((each) => each.label === label);
  // a snapshot is received from its whole chain
  const isCost = (label: Label) => gone.some(({ costs }) => costs.includes(label));
  const isMendable = ({ place, label, asRegistered }: Finding) =>
    !asRegistered && !(place === "hydrated" ? isCost(label) : isLost(label));
  if (wrong.length === 0)
    return ["next: put right what kept it from being looked at, and run the same command again"];
  const asRegistered = wrong.find((finding) => finding.asRegistered);
  return [
    ...(wrong.some(isMendable) ? [`next: ${mend}, which mends what is whole elsewhere`] : []),
    ...(gone.some((each) => !each.asRegistered)
      ? ["next: devbackup manifest import DIR, which puts back from another copy what is whole nowhere"]
      : []),
    ...(asRegistered === undefined
      ? []
      : [`next: ${chain(asRegistered.label)}, which shows what rests on it: no apply mends that`]),
  ];
}
