import { datasetKeys } from "../../domain/artifact.ts";
import { plural } from "../../domain/units.ts";
import type { Problem } from "../../plan/plan.ts";
import { damage, problem, unknownProblem } from "../answer.ts";
import type { View } from "../view.ts";
import { olderLeftOver, olderThere } from "./older.ts";
import type { Replacement } from "./replacement.ts";
import { looksLikeArtifact, manifestFile, strangers } from "./store.ts";

/** What keeps the manifest from being gone by, where the bucket's can't take its place; `replacement` says why. */
export function manifestProblems(view: View, replacement: Replacement | null): Problem[] {
  const { spec, facts, course, restore } = view;
  const { manifest, store } = facts;
  const bucket =
    replacement?.kind === "refused"
      ? `; the bucket's can't take its place: ${replacement.why}`
      : view.cloud?.bucket.kind === "unknown"
        ? `; the bucket could not be looked at: ${view.cloud.bucket.why}`
        : "";
  const leftOver = olderLeftOver(view);
  const notIt =
    leftOver === null ? "" : `; ${leftOver.file} is of an older tool and of before it: ${leftOver.why}`;
  const older = olderThere(view);
  if (manifest.kind === "unknown") return [unknownProblem(spec, spec.server, "the manifest", manifest)];
  if (store.kind === "unknown") return [unknownProblem(spec, spec.server, "the artifacts", store)];
  if (older !== null && !(manifest.kind === "absent" && restore !== null))
    return [
      problem(
        "manifest-older",
        spec,
        spec.server,
        `${older} is the manifest of an older tool`,
        `devbackup manifest migrate --dataset ${spec.name} upgrades it by what the artifacts say, and keeps it beside the new one`,
      ),
    ];
  if (manifest.kind === "known" && manifest.value.reading.kind === "damaged") {
    const { line, why } = manifest.value.reading;
    return [
      damage(
        "manifest-damaged",
        spec,
        spec.server,
        `${manifestFile(spec)}:${line}: ${why}${bucket}${notIt}`,
        `put back a good copy, or make it again from the artifacts: devbackup manifest rebuild --dataset ${spec.name}; nothing is done on the strength of a damaged one`,
      ),
    ];
  }
  if (manifest.kind !== "absent" || restore !== null) return [];
  const orphans =
    store.kind === "known"
      ? strangers(store.value, course.rows).filter((path) => looksLikeArtifact(spec, path))
      : [];
  if (orphans.length === 0) return inBucket(view);
  return [
    damage(
      "manifest-lost",
      spec,
      spec.server,
      `${manifestFile(spec)} is gone, and ${plural(orphans.length, "artifact")} (${orphans[0]}${orphans.length === 1 ? ") is" : ", …) are"} there${bucket}${notIt}`,
      "devbackup apply --restore latest --identity FILE puts it back from the bucket, devbackup manifest rebuild makes it from the artifacts; a new chain is not begun over the old one",
    ),
  ];
}

/**
 * A server that was wiped, or another one: the dataset may have backups already, which a new chain would overwrite.
 * One is not begun on what could not be looked at.
 */
function inBucket({ spec, cloud }: View): Problem[] {
  if (cloud === null || cloud.bucket.kind === "absent") return [];
  if (cloud.bucket.kind === "unknown")
    return [
      problem(
        "bucket-unknown",
        spec,
        spec.server,
        `${spec.server} has no manifest of ${spec.name}, and whether the bucket holds backups of it can't be told: ${cloud.bucket.why}`,
        "run the same command again when the bucket answers: a new chain is not begun over one that may be there",
      ),
    ];
  const { artifacts, manifest } = datasetKeys(cloud.spec.prefix, spec.name);
  const found = [...cloud.bucket.value.objects.keys()].filter(
    (key) => key === manifest || key.startsWith(artifacts),
  );
  if (found.length === 0) return [];
  return [
    problem(
      "found-in-bucket",
      spec,
      spec.server,
      `the bucket holds backups of ${spec.name} (${plural(found.length, "object")}), and ${spec.server} has no manifest: a new chain is not begun over them`,
      "devbackup plan --restore latest --identity FILE brings them back; to begin anew beside them, declare another prefix",
    ),
  ];
}
