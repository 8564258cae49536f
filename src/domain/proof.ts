import { asRecord, recordIn } from "./json.ts";
import { compareLabels, type Label, parseLabel } from "./label.ts";
import { after, formatPeriod, type Period } from "./period.ts";
import { FURTHEST_AHEAD_MS } from "./units.ts";

/**
 * `same`: restored, and record by record what the fingerprint says. `restored`: whole, and there is no fingerprint to
 * hold it against. `differs`: restored, and something else. `failed`: not restored.
 */
const DRILL_RESULTS = ["same", "restored", "differs", "failed"] as const;
export type DrillResult = (typeof DRILL_RESULTS)[number];

/** What one drill found. */
export interface DrillProof {
  readonly label: Label;
  /** When it ended. */
  readonly at: Date;
  readonly result: DrillResult;
  /** From the first byte of the anchor to the restored tree, on that server; what was fetched for it is in it, too. */
  readonly durationMs: number;
  /** Of the regular files in the restored tree; null where there is none. */
  readonly tree: { readonly files: number; readonly bytes: number } | null;
  /** That the label is made from, and were read. */
  readonly artifacts: { readonly count: number; readonly bytes: number };
  /** What differs, or why it failed: a few lines, the rest counted. */
  readonly why: readonly string[];
}

export const isGood = ({ result }: DrillProof): boolean => result === "same" || result === "restored";

/** The newest proof that a restore works; undefined where there is none. */
export const lastGood = (proofs: readonly DrillProof[]): DrillProof | undefined => proofs.findLast(isGood);

/** Without those that are dated ahead of `now`, by more than a clock may be: when they were is not known. */
export const untilNow = (proofs: readonly DrillProof[], now: Date): readonly DrillProof[] =>
  proofs.filter(({ at }) => at.getTime() <= now.getTime() + FURTHEST_AHEAD_MS);

/**
 * The newest failure that nothing has answered: what an older label proves says nothing of what came behind it. `proofs`:
 * oldest first.
 */
export const standingFailure = (proofs: readonly DrillProof[]): DrillProof | undefined =>
  proofs.findLast(
    (failed, at) =>
      !isGood(failed) &&
      !proofs.slice(at + 1).some((later) => isGood(later) && compareLabels(later.label, failed.label) >= 0),
  );

/** Why a drill is due, in words; null where it is not. `proofs`: oldest first. */
export function whyDrillDue(proofs: readonly DrillProof[], every: Period, now: Date): string | null {
  const counting = untilNow(proofs, now);
  const [last, failed] = [lastGood(counting), standingFailure(counting)];
  if (last === undefined) return "no drill has proven yet that a restore works";
  if (failed !== undefined)
    return `the drill of ${failed.label} on ${failed.at.toISOString().slice(0, 10)} did not restore what was backed up`;
  if (after(last.at, every) > now) return null;
  return `the last good drill, of ${last.label}, was on ${last.at.toISOString().slice(0, 10)}: more than ${formatPeriod(every)} ago`;
}

/** A line of `logs/drills.jsonl`, as plain data; `at` is RFC 3339, UTC. */
export const proofRecord = ({ at, ...proof }: DrillProof) => ({ at: at.toISOString(), ...proof });

/** Of `logs/drills.jsonl`, or the end of it: oldest first. A line that is not whole proves nothing, and is passed over. */
export const parseProofs = (text: string): DrillProof[] =>
  text
    .split("\n")
    .map(parseProof)
    .filter((proof) => proof !== undefined);

function parseProof(line: string): DrillProof | undefined {
  const record = recordIn(line);
  const [at, label] = [new Date(textIn(record, "at")), parseLabel(textIn(record, "label"))];
  const result = DRILL_RESULTS.find((each) => each === textIn(record, "result"));
  const [artifacts, tree] = [asRecord(record?.artifacts), asRecord(record?.tree)];
  const why = record?.why;
  const [count, readBytes] = [countIn(artifacts, "count"), countIn(artifacts, "bytes")];
  const [files, bytes] = [countIn(tree, "files"), countIn(tree, "bytes")];
  const durationMs = countIn(record, "durationMs");
  if (Number.isNaN(at.getTime()) || label === undefined || result === undefined) return undefined;
  if (durationMs === undefined || count === undefined || readBytes === undefined) return undefined;
  if (record?.tree !== null && (files === undefined || bytes === undefined)) return undefined;
  if (!Array.isArray(why) || !why.every((each) => typeof each === "string")) return undefined;
  return {
    label,
    at,
    result,
    durationMs,
    why,
    tree: files === undefined || bytes === undefined ? null : { files, bytes },
    artifacts: { count, bytes: readBytes },
  };
}

type Members = ReturnType<typeof recordIn>;

/** "" where it is no text. */
function textIn(record: Members, name: string): string {
  const value = record?.[name];
  return typeof value === "string" ? value : "";
}

function countIn(record: Members, name: string): number | undefined {
  const value = record?.[name];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
