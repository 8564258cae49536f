import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import {
  type AbsolutePath,
  fileName,
  type HostName,
  joinPath,
  parseSha256,
  type Sha256,
} from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatBytes, plural } from "../../domain/units.ts";
import { archived } from "../../transport/bucket/archive.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { damagedMark, fromDisk, prove } from "../artifact/prove-script.ts";
import { tmpFile, UPLOAD_SUFFIX } from "../manifest/store.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { gently } from "../verify/gently.ts";
import { markObject, objectMarkFile } from "../verify/record.ts";

/** Artifacts that go from the server or from the bucket, each with its other copy. */
export interface DeleteArtifacts {
  readonly kind: "files" | "objects";
  readonly artifacts: readonly DeleteArtifact[];
}

export interface DeleteArtifact {
  readonly repository: AbsolutePath;
  readonly file: AbsolutePath;
  /** Of what stands there, which may be damaged. */
  readonly foundBytes: number;
  readonly marks: readonly AbsolutePath[];
  readonly damagedMark: AbsolutePath;
  readonly key: string;
  readonly objectMark: AbsolutePath;
  /** The manifest's, of what the other place has to have. */
  readonly sizeBytes: number;
  readonly sha256: Sha256;
}

export const deleteArtifact = (
  spec: DatasetSpec,
  row: ManifestRow,
  key: string,
  foundBytes: number,
): DeleteArtifact => ({
  repository: spec.repository,
  file: joinPath(spec.repository, row.localPath),
  foundBytes,
  marks: [damagedMark(spec, row), tmpFile(spec, fileName(row.localPath) + UPLOAD_SUFFIX)],
  damagedMark: damagedMark(spec, row),
  key,
  objectMark: objectMarkFile(spec, row),
  sizeBytes: row.sizeBytes,
  sha256: row.sha256,
});

/** One after the other, the newest first: what is left of a chain when it is cut off can still be received. */
export async function deleteArtifacts(
  name: HostName,
  { kind, artifacts }: DeleteArtifacts,
  tools: Tools,
): Promise<string> {
  const host = tools.host(name);
  for (const artifact of artifacts.toReversed()) {
    tools.signal.throwIfAborted();
    await (kind === "files" ? deleteFile : deleteObject)(host, artifact, tools);
  }
  const bytes = artifacts.reduce((sum, { foundBytes }) => sum + foundBytes, 0);
  return `${plural(artifacts.length, kind === "files" ? "artifact" : "object")}, ${formatBytes(bytes)} came free`;
}

/** The bucket is asked at the last moment. */
async function deleteFile(host: Host, artifact: DeleteArtifact, tools: Tools): Promise<void> {
  const { file, key } = artifact;
  const why = await whyNotInBucket(host, artifact, tools);
  if (why !== null) throw notElsewhere(host.name, file, `${key} in the bucket ${why}`);
  tools.assertHeld();
  await expectSuccess(host, deleteFileScript(artifact), {
    code: "retention-failed",
    what: `${file} could not be deleted`,
    state: STATE,
  });
}

/**
 * Null where the object is the artifact, by the SHA-256 that was noted when it was sent, or else (another tool's has no note)
 * by all of its bytes. What it is instead is marked, so that the next plan sends it again.
 */
async function whyNotInBucket(
  host: Host,
  { repository, key, objectMark, sizeBytes, sha256 }: DeleteArtifact,
  { bucket, signal }: Tools,
): Promise<string | null> {
  const store = await bucket();
  const object = await store.head(key);
  if (object === undefined) return "is gone";
  if (object.sizeBytes !== sizeBytes) return `has ${object.sizeBytes} bytes, not ${sizeBytes}`;
  if (object.archive !== undefined) return archived(object.archive);
  const there = gently(host, { repository });
  const by = object.sha256 === undefined ? "sha256" : "note";
  let found = object.sha256;
  if (found === undefined) {
    const hashed = await store.hash(there, { key, signal });
    if (hashed.kind === "archived") return archived(hashed.archive);
    if (hashed.kind !== "hashed") return `is ${hashed.kind === "missing" ? "gone" : "another by now"}`;
    found = hashed.sha256;
  }
  if (found === sha256) return null;
  await markObject(there, objectMark, object, { by, found: parseSha256(found) ?? "none" });
  return `is another: its SHA-256 is ${found}`;
}

/**
 * The file first: were its mark gone and it still there, what is known to be damaged would count as whole. A mark that is left
 * behind is void.
 */
export const deleteFileScript = ({
  file,
  foundBytes,
  marks,
}: Pick<DeleteArtifact, "file" | "foundBytes" | "marks">): string => sh`
f=${file}
if [ -e "$f" ]; then
  [ "$(stat -c %s -- "$f")" = ${foundBytes} ] || { echo "$f has changed since it was looked at" >&2; exit 1; }
  rm -f -- "$f"
fi
sync "$(dirname -- "$f")"
rm -f -- ${marks}`;

/** What will be the only copy is read to its end first, from the disk, as verify reads. */
async function deleteObject(host: Host, artifact: DeleteArtifact, tools: Tools): Promise<void> {
  const { repository, file, key, sha256, damagedMark: mark } = artifact;
  const disk = fromDisk(gently(host, { repository }), file);
  await prove(disk, { path: file, sha256, damagedMark: mark }, tools.signal);
  tools.assertHeld();
  await (await tools.bucket()).delete(key);
  await host.run(forgetObjectScript(artifact));
}

/** Of an object that is gone. */
export const forgetObjectScript = ({ objectMark }: Pick<DeleteArtifact, "objectMark">): string =>
  sh`rm -f -- ${objectMark}`;

const STATE = "What was deleted before stands in the other place; it is safe to run again";

const notElsewhere = (host: HostName, file: AbsolutePath, why: string): DevbackupError =>
  new DevbackupError({
    code: "retention-last-copy",
    exitCode: 6,
    host,
    what: `${file} stays: it would have been the last copy`,
    why,
    state: STATE,
    next: "devbackup apply sends it to the bucket again",
  });
