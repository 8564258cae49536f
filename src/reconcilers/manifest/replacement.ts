import { parseArtifactFile } from "../../domain/artifact.ts";
import { compareLabels } from "../../domain/label.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { fileName, type Sha256 } from "../../domain/names.ts";
import type { Hazard } from "../../plan/plan.ts";
import type { View } from "../view.ts";
import { isManifestLost, strangers } from "./store.ts";

/** What becomes of a manifest that the server has lost, or can't read, where the bucket has one. */
export type Replacement =
  | {
      readonly kind: "ready";
      readonly rows: Manifest;
      readonly sha256: Sha256;
      /** Destructive where only a person can say that nothing newer is forgotten by it. */
      readonly hazard: Hazard;
      readonly because: string;
    }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Whether the bucket's manifest may take that place. Its signature is good; what is left to fear is an older one,
 * which a writer in the bucket may have kept. It must not end before the newest label that this controller has
 * seen, or before an artifact that stands on the server. Null where nothing is lost, or the bucket's could not be
 * opened (see docs/decisions/0009-a-lost-manifest.md).
 */
export function replacementOf({
  spec,
  facts,
  cloud,
  memory,
}: Pick<View, "spec" | "facts" | "cloud" | "memory">): Replacement | null {
  const { manifest, store } = facts;
  const copy = cloud?.bucket.kind === "known" ? cloud.bucket.value.manifest : undefined;
  if (!isManifestLost(manifest) || copy === undefined || memory.kind !== "known" || store.kind === "unknown")
    return null;
  if (copy.kind === "refused") return copy;
  const { rows, sha256 } = copy;
  const newest = rows.at(-1)?.label;
  if (newest === undefined) return { kind: "refused", why: "it has no rows" };
  const seen = memory.value.newest;
  if (seen !== null && compareLabels(newest, seen.label) < 0)
    return {
      kind: "refused",
      why: `it ends at ${newest}, and this machine has seen one with ${seen.label}`,
    };
  const later = (store.kind === "known" ? strangers(store.value, rows) : []).find((path) => {
    const ref = parseArtifactFile(spec.name, fileName(path));
    return ref !== undefined && compareLabels(ref.label, newest) > 0;
  });
  if (later !== undefined) return { kind: "refused", why: `it ends at ${newest}, and ${later} is there` };
  const ready = { kind: "ready" as const, rows, sha256 };
  if (seen?.manifestSha256 === sha256)
    return { ...ready, hazard: "none", because: "it is the one that this machine has seen last" };
  if (seen !== null && compareLabels(newest, seen.label) > 0)
    return {
      ...ready,
      hazard: "none",
      because: `it goes on from ${seen.label}, the newest seen by this machine`,
    };
  return {
    ...ready,
    hazard: "destructive",
    because: "this machine has not seen that one before: look whether it is the newest",
  };
}
