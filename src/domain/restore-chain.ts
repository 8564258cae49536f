import type { Fact } from "./fact.ts";
import type { Label } from "./label.ts";
import { chainOf, labelsResting, missingFrom } from "./lineage.ts";
import type { Manifest, ManifestRow } from "./manifest.ts";

/** The two places that keep artifacts. */
export type CopyPlace = "server" | "bucket";

/** How an artifact stands in one place; `damaged` by its size, or because its hash was found to be another. */
export type CopyState = "whole" | "missing" | "damaged" | "unknown";

/** How one row's artifact stands in both. */
export interface Copies {
  readonly server: CopyState;
  /** `undeclared` where there is no cloud; `archived`: by its size it is whole, and the store gives it to nobody now. */
  readonly bucket: CopyState | "archived" | "undeclared";
}

/**
 * What a step needs: nothing (`hydrated`: its snapshot, or a later one of the chain, is there), its artifact from
 * the server or from the bucket, or what is `nowhere`. `unknown`: none is known, and not everything could be
 * looked at, or is where nobody can read it now.
 */
export type Source = "hydrated" | CopyPlace | "nowhere" | "unknown";

/** One artifact of the chain that a label is made from. */
export interface RestoreStep {
  readonly row: ManifestRow;
  readonly copies: Copies;
  /** Whether its snapshot stands on the server. */
  readonly hydrated: boolean | "unknown";
  readonly source: Source;
  /** Where the one whole copy is, and no other place can have one; null where there are two, none, or who knows. */
  readonly onlyCopy: CopyPlace | null;
  /** What the loss of every copy would cost: see {@link labelsResting}. Snapshots that stand do not count. */
  readonly costs: readonly Label[];
}

/** A registered artifact that a restore needs and that is nowhere. */
export interface Hole {
  readonly row: ManifestRow;
  readonly copies: Copies;
  /** The labels that can't be restored for want of it; those that stand hydrated, or on such a one, can. */
  readonly costs: readonly Label[];
}

/** How a label is made again. */
export interface RestoreChain {
  /** From the nearest anchor to the label, in the order in which they are received; never more. */
  readonly steps: readonly RestoreStep[];
  /** Sizes of the artifacts that come from the bucket. */
  readonly fetchBytes: number;
  /** Sizes of the artifacts that are received, wherever they come from. */
  readonly receiveBytes: number;
  readonly holes: readonly Hole[];
  /** False where there is a hole; unknown where a step's source is. */
  readonly restorable: boolean | "unknown";
}

export interface RestoreInput {
  readonly rows: Manifest;
  readonly label: Label;
  readonly copies: (row: ManifestRow) => Copies;
  /** The labels whose snapshots stand on the server; absent where none do. */
  readonly hydrated: Fact<ReadonlySet<Label>>;
}

/**
 * What has to be fetched and received for `label` to stand on the server, and what is in the way. Undefined where
 * `rows` have no such label.
 */
export function restoreChain({ rows, label, copies, hydrated }: RestoreInput): RestoreChain | undefined {
  const chain = chainOf(rows, label);
  if (chain === undefined) return undefined;
  const stands = (at: Label) => hydrated.kind === "known" && hydrated.value.has(at);
  const mayStand = hydrated.kind === "unknown";
  const needed = new Set(missingFrom(chain, stands));
  const steps = chain.map((row): RestoreStep => {
    const found = copies(row);
    const preferred = preferredCopy(found);
    return {
      row,
      copies: found,
      hydrated: mayStand ? "unknown" : stands(row.label),
      source: !needed.has(row) ? "hydrated" : preferred === "nowhere" && mayStand ? "unknown" : preferred,
      onlyCopy: onlyCopy(found),
      costs: labelsResting(rows, row.label),
    };
  });
  const holes = steps
    .filter(({ source }) => source === "nowhere")
    .map((step) => ({
      row: step.row,
      copies: step.copies,
      costs: labelsResting(rows, step.row.label, stands),
    }));
  const fetchBytes = bytesFrom(steps, "bucket");
  return {
    steps,
    fetchBytes,
    receiveBytes: fetchBytes + bytesFrom(steps, "server"),
    holes,
    restorable:
      holes.length > 0 ? false : steps.some(({ source }) => source === "unknown") ? "unknown" : true,
  };
}

/** Where an artifact is taken from: the server goes before the bucket. */
export function preferredCopy({ server, bucket }: Copies): Exclude<Source, "hydrated"> {
  if (server === "whole") return "server";
  if (bucket === "whole") return "bucket";
  return server === "unknown" || bucket === "unknown" || bucket === "archived" ? "unknown" : "nowhere";
}

function onlyCopy({ server, bucket }: Copies): CopyPlace | null {
  if (server === "unknown" || bucket === "unknown" || bucket === "archived") return null;
  if ((server === "whole") === (bucket === "whole")) return null;
  return server === "whole" ? "server" : "bucket";
}

const bytesFrom = (steps: readonly RestoreStep[], place: CopyPlace): number =>
  steps.reduce((sum, { source, row }) => sum + (source === place ? row.sizeBytes : 0), 0);
