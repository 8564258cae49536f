import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { objectKey, parseArtifactFile, snapshotName } from "../../domain/artifact.ts";
import { compareLabels, type Label } from "../../domain/label.ts";
import { parentIn } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, joinPath } from "../../domain/names.ts";
import { formatBytes } from "../../domain/units.ts";
import type { Action, ActionId, Warning } from "../../plan/plan.ts";
import { parseUploadState } from "../../transport/bucket/upload-state.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose, warning } from "../answer.ts";
import { cloudKey, inBucket } from "../artifact/copies.ts";
import { damagedMark, type Proving, prove } from "../artifact/prove-script.ts";
import type { BucketFacts } from "../facts.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestId, registerId } from "../manifest/register.ts";
import { holds, manifestFile, tmpFile, UPLOAD_SUFFIX } from "../manifest/store.ts";
import type { Reconciler } from "../reconciler.ts";
import { wantedIn } from "../retention/wanted.ts";
import { markOf, objectMarkFile } from "../verify/record.ts";
import type { View } from "../view.ts";
import { inArchive } from "./archived.ts";

interface Upload {
  readonly key: string;
  /** Null where the artifact is yet to be made. */
  readonly file: (Proving & { readonly state: AbsolutePath; readonly sizeBytes: number }) | null;
  /** Says that what is there is damaged, and goes once it is replaced. Left out where nothing does. */
  readonly mark?: AbsolutePath;
}

/** Every registered artifact that the bucket is to keep as an object there, of the same size. */
export const cloudObjects: Reconciler<Upload> = {
  kind: "upload",
  diff: (view) => {
    const { spec, course, cloud } = view;
    if (cloud === null)
      return {
        warnings: [warning("no-cloud", spec, null, "no cloud is declared: there is no off-site copy")],
      };
    const { bucket } = cloud;
    if (bucket.kind !== "known")
      return {
        warnings: [
          {
            ...warning(
              "cloud-unknown",
              spec,
              null,
              `the bucket could not be looked at, so nothing is sent there: ${bucket.kind === "unknown" ? bucket.why : ""}`,
            ),
            hides: "cloud",
          },
        ],
      };
    const unsent = course.rows
      .filter(wantedIn(view, "bucket"))
      .filter((row) => !["whole", "archived"].includes(inBucket(row, view)));
    const sendable = unsent.filter((row) => holds(view.facts.store, row));
    return {
      warnings: [...behindBucket(view), ...inArchive(view)],
      actions: [
        ...sendable.map((row) => uploadRow(view, cloud.spec, bucket.value, row)),
        ...course.pending.map(({ label, decision }) => {
          const key = cloudKey(cloud.spec, spec, { label, parent: parentIn(decision) });
          const action = uploadAction(spec, label, { key, file: null });
          return bucket.value.objects.has(key) ? overwriting(action, "an older one is there") : action;
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { key, file, mark } = action.input;
    if (file === null) throw new RangeError(`${action.id} has nothing to send`);
    const [bucket, host] = [await tools.bucket(), tools.host(action.host)];
    // its copy is to be as good as the manifest says: what has rotted since must not take the place of a good one
    await prove(host, file, tools.signal);
    const done = await bucket.upload(host, {
      file: file.path,
      key,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      statePath: file.state,
      signal: tools.signal,
      onProgress: (bytes) => tools.progress(bytes, file.sizeBytes),
    });
    if (mark !== undefined) await host.run(sh`rm -f -- ${mark}`);
    const resumed = done.resumedParts > 0 ? `, ${done.resumedParts} of them sent by an earlier run` : "";
    return done.parts > 1
      ? `${formatBytes(done.sizeBytes)} in ${done.parts} parts${resumed}`
      : formatBytes(done.sizeBytes);
  },
};

export const uploadId = (spec: DatasetSpec, label: Label): ActionId => actionId("upload", spec.name, label);

function uploadRow(view: View, cloud: CloudSpec, bucket: BucketFacts, row: ManifestRow): Action<Upload> {
  const { spec } = view;
  const key = cloudKey(cloud, spec, row);
  const object = bucket.objects.get(key);
  const action = uploadAction(spec, row.label, {
    key,
    file: {
      path: joinPath(spec.repository, row.localPath),
      damagedMark: damagedMark(spec, row),
      state: tmpFile(spec, fileName(row.localPath) + UPLOAD_SUFFIX),
      sizeBytes: row.sizeBytes,
      sha256: row.sha256,
    },
  });
  if (object === undefined)
    return { ...action, reason: `${formatBytes(row.sizeBytes)} registered, and not in the bucket` };
  const mark = markOf(view.facts.verified, row, object);
  if (mark?.by === "sha256")
    return {
      ...action,
      input: { ...action.input, mark: objectMarkFile(spec, row) },
      change: "update",
      reason: `the object there is damaged: its SHA-256 is ${mark.found.slice(0, 12)}…, the artifact's ${row.sha256.slice(0, 12)}…`,
    };
  // left undone, there is no copy in the bucket: a schedule has to notice
  return overwriting(
    { ...action, exitCode: 6 },
    object.sizeBytes === row.sizeBytes
      ? `the object there is ${mark === undefined ? "older than the artifact, and " : ""}another`
      : `the object there has ${object.sizeBytes} bytes, the artifact ${row.sizeBytes}`,
  );
}

const overwriting = (action: Action<Upload>, why: string): Action<Upload> => ({
  ...action,
  change: "update",
  hazard: "destructive",
  reason: `${why}; it is replaced`,
});

/** Labels of artifacts in the bucket that have no row on the server, where a row goes before its object. */
export function unknownToManifest({ spec, cloud, course }: View): Label[] {
  if (cloud?.bucket.kind !== "known") return [];
  const expected = new Set(course.rows.map((row) => cloudKey(cloud.spec, spec, row)));
  return [...cloud.bucket.value.objects.keys()].flatMap((key) => {
    const ref = expected.has(key) ? undefined : parseArtifactFile(spec.name, fileName(key));
    return ref !== undefined && objectKey(cloud.spec.prefix, ref) === key ? [ref.label] : [];
  });
}

/** What a manifest on the server that has fallen behind the bucket's can be told by, where nobody has seen that. */
export function behindBucket(view: View): Warning[] {
  const { spec, course } = view;
  const newest = course.rows.at(-1)?.label;
  if (newest === undefined) return [];
  const later = unknownToManifest(view).filter((label) => compareLabels(label, newest) > 0);
  if (later.length === 0) return [];
  return [
    warning(
      "behind-bucket",
      spec,
      spec.server,
      `the bucket holds artifacts of ${later.sort(compareLabels).join(", ")}, and the manifest of ${spec.name} ends at ${newest}: it may be an older one. To put the bucket's back, move it away: ${manifestFile(spec)}, and devbackup apply --restore latest --identity FILE`,
    ),
  ];
}

/**
 * The key of an object that passes for the artifact of `row` by its size alone, and was there before it: the same
 * snapshot sent once more makes an artifact of the same size, encrypted anew and maybe to another key.
 */
export function doubtfulKey(
  cloud: CloudSpec,
  spec: DatasetSpec,
  row: ManifestRow,
  { objects }: BucketFacts,
): string | undefined {
  const key = cloudKey(cloud, spec, row);
  const object = objects.get(key);
  const older = object !== undefined && object.lastModified.getTime() < Date.parse(row.ts);
  return older && object.sizeBytes === row.sizeBytes && object.sha256 === undefined ? key : undefined;
}

const uploadAction = (spec: DatasetSpec, label: Label, input: Upload): Action<Upload> =>
  propose("upload", spec, {
    id: uploadId(spec, label),
    host: spec.server,
    label,
    stage: "cloud",
    change: "create",
    summary: `send the artifact of ${snapshotName(spec.name, label)} to the bucket`,
    reason: "its artifact is new",
    details: [input.key],
    needs: [packagesId(spec.server), registerId(spec, label), manifestId(spec)],
    assumes: { key: input.file === null ? null : input.key },
    input,
  });

interface Leftover {
  readonly key: string;
  readonly uploadId: string;
}

/** Uploads in parts that were begun and that no state file on the server speaks of any more. */
export const leftovers: Reconciler<Leftover> = {
  kind: "abort-upload",
  diff: ({ spec, cloud, facts }) => {
    if (
      cloud?.bucket.kind !== "known" ||
      cloud.bucket.value.unfinished.kind !== "known" ||
      facts.store.kind === "unknown"
    )
      return {};
    const begun = facts.store.kind === "known" ? [...facts.store.value.begunUploads.values()] : [];
    const ours = new Set(begun.map((text) => parseUploadState(text)?.uploadId));
    return {
      actions: cloud.bucket.value.unfinished.value
        .filter(({ uploadId: id }) => !ours.has(id))
        .map((upload) =>
          propose("abort-upload", spec, {
            id: actionId("abort-upload", `${spec.name}/${upload.uploadId.slice(0, 12)}`),
            host: spec.server,
            stage: "cloud",
            change: "delete",
            summary: `clear away an unfinished upload of ${fileName(upload.key)}`,
            reason: `begun ${upload.initiated?.toISOString() ?? "earlier"} and never completed; its parts are paid for and of no use`,
            input: { key: upload.key, uploadId: upload.uploadId },
          }),
        ),
    };
  },
  run: async (action, tools) => {
    await (await tools.bucket()).abortUpload(action.input);
    return null;
  },
};
