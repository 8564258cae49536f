import { type Label, labelsInWords } from "../../domain/label.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import type { Fate, KeepRule } from "../../domain/retention.ts";
import { formatBytes, plural } from "../../domain/units.ts";

/** What can be let go. */
export type Noun = "snapshot" | "artifact" | "object";

/** Why nothing is lost by it. */
export const BY = {
  snapshot: "each can be made again",
  artifact: "the bucket keeps them, and has them whole",
  object: "the server keeps them, and has them whole",
} as const satisfies Record<Noun, string>;

/** `delete 2 artifacts on ls, 110 MiB: 2026-01, 2026-02`. */
export function deletion(
  noun: Noun,
  at: string,
  labels: readonly Label[],
  bytes: (label: Label) => number | null,
): string {
  const total = labels.reduce((sum, label) => sum + (bytes(label) ?? 0), 0);
  const size = noun === "snapshot" ? "" : `, ${formatBytes(total)}`;
  return `delete ${plural(labels.length, noun)} ${at}${size}: ${labelsInWords(labels)}`;
}

/** Behind the name of one of them: how large its artifact is, where that is known. */
export const sizeInWords = (noun: Noun, artifactBytes: number | null): string =>
  artifactBytes === null
    ? ""
    : `, ${noun === "snapshot" ? "its artifact " : ""}${formatBytes(artifactBytes)}`;

/** As it is declared. */
export const ruleInWords = (rule: KeepRule): string =>
  rule.kind === "all" ? "all" : `{${rule.kind === "last" ? "keep_last" : "keep_chains"}: ${rule.count}}`;

/** What is read before the last snapshots of some labels go. */
export function readInWords(rows: ReadonlyMap<ManifestRow, readonly Label[]>): string {
  const bytes = [...rows.keys()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return `read to the end before that: ${plural(rows.size, "artifact")}, ${formatBytes(bytes)} (on the server alone, and no other snapshot stays)`;
}

/** In one line, those with one reason together. */
export function keptInWords(fates: readonly Fate[]): string {
  const kept = fates.filter((fate) => fate.kept);
  if (kept.length === 0) return "nothing else";
  return [...Map.groupBy(kept, ({ because }) => because)]
    .map(([because, some]) => `${labelsInWords(some.map(({ label }) => label))} (${because})`)
    .join("; ");
}
