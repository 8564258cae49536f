import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, type HostName, joinPath, type Sha256 } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatBytes, plural } from "../../domain/units.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { damagedMark, prove } from "../artifact/prove-script.ts";
import { tmpFile, UPLOAD_SUFFIX } from "../manifest/store.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";

/** Artifacts that go from the server or from the bucket, each with its other copy. */
export interface DeleteArtifacts {
  readonly kind: "files" | "objects";
  readonly artifacts: readonly DeleteArtifact[];
}

export interface DeleteArtifact {
  readonly file: AbsolutePath;
  /** Of what stands there, which may be damaged. */
  readonly foundBytes: number;
  readonly marks: readonly AbsolutePath[];
  readonly damagedMark: AbsolutePath;
  readonly key: string;
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
  file: joinPath(spec.repository, row.localPath),
  foundBytes,
  marks: [damagedMark(spec, row), tmpFile(spec, fileName(row.localPath) + UPLOAD_SUFFIX)],
  damagedMark: damagedMark(spec, row),
  key,
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

/** The bucket is asked at the last moment, by name, size and the SHA-256 that was noted when it was sent. */
async function deleteFile(
  host: Host,
  { file, foundBytes, marks, key, sizeBytes, sha256 }: DeleteArtifact,
  { bucket, assertHeld }: Tools,
): Promise<void> {
  const object = await (await bucket()).head(key);
  if (object?.sizeBytes !== sizeBytes || (object.sha256 !== undefined && object.sha256 !== sha256))
    throw notElsewhere(
      host.name,
      file,
      `${key} in the bucket is ${object === undefined ? "gone" : "another"}`,
    );
  assertHeld();
  await expectSuccess(host, deleteFileScript({ file, foundBytes, marks }), {
    code: "retention-failed",
    what: `${file} could not be deleted`,
    state: STATE,
  });
}

/** The marks first: nobody would look for one that has stayed behind its file. */
export const deleteFileScript = ({
  file,
  foundBytes,
  marks,
}: Pick<DeleteArtifact, "file" | "foundBytes" | "marks">): string => sh`
f=${file}
if [ -e "$f" ]; then
  [ "$(stat -c %s -- "$f")" = ${foundBytes} ] || { echo "$f has changed since it was looked at" >&2; exit 1; }
  rm -f -- ${marks}
  rm -f -- "$f"
fi
sync "$(dirname -- "$f")"`;

/** What will be the only copy is read to its end first. */
async function deleteObject(host: Host, artifact: DeleteArtifact, tools: Tools): Promise<void> {
  const { file, key, sha256, damagedMark: mark } = artifact;
  await prove(host, { path: file, sha256, damagedMark: mark }, tools.signal);
  await (await tools.bucket()).delete(key);
}

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
