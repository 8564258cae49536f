import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { joinPath } from "../../domain/names.ts";
import type { ArtifactReading } from "../../domain/rebuild.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { type Finding, lastVerified, type VerificationRecord } from "../../domain/verification.ts";
import type { Host } from "../../transport/host.ts";
import { damagedMark, fromDisk, prove } from "../artifact/prove-script.ts";
import { readArtifact } from "../artifact/read-artifact.ts";
import type { Thing } from "./things.ts";

/** Null for `why` where all is as it should be. */
interface ArtifactCheck extends Pick<Finding, "why" | "asRegistered"> {
  /** What the stream calls its snapshot; null where it was not parsed. */
  readonly streamUuid: string | null;
}

/** What is known of the chain besides. */
export interface Seen {
  readonly record: VerificationRecord;
  /** What the snapshots on the server were received from, by label: the UUIDs that their streams gave them. */
  readonly received: ReadonlyMap<Label, string>;
}

/**
 * Reads an artifact on the server to its end; `deep`: through age, zstd and `btrfs receive --dump` as well, and its place
 * in the chain by the UUIDs in the streams. Damage leaves the mark that {@link prove} leaves.
 * @throws DevbackupError `artifact-unread` where the server could not look
 */
export async function checkArtifact(
  host: Host,
  spec: DatasetSpec,
  thing: Thing,
  { record, received }: Seen,
  signal: AbortSignal,
): Promise<ArtifactCheck> {
  const { row, check } = thing;
  const path = joinPath(spec.repository, row.localPath);
  const disk = fromDisk(host, path);
  if (check === "deep") {
    const { reading } = await readArtifact(disk, spec, path, signal);
    if (reading.kind === "whole" && reading.sha256 === row.sha256) {
      const why = misfit(reading, thing, spec, { record, received });
      return why === null ? { why, streamUuid: reading.uuid } : { why, streamUuid: null, asRegistered: true };
    }
    const unproven = await whyUnproven(disk, spec, thing, signal);
    const said = reading.kind === "whole" ? "it changed while it was read" : reading.why;
    if (unproven !== null) return { why: unproven, streamUuid: null };
    const why = `its hash is the manifest's, and it holds no snapshot: ${said}`;
    return { why, streamUuid: null, asRegistered: true };
  }
  return { why: await whyUnproven(disk, spec, thing, signal), streamUuid: null };
}

async function whyUnproven(
  host: Host,
  spec: DatasetSpec,
  { row }: Thing,
  signal: AbortSignal,
): Promise<string | null> {
  const path = joinPath(spec.repository, row.localPath);
  try {
    await prove(host, { path, sha256: row.sha256, damagedMark: damagedMark(spec, row) }, signal);
    return null;
  } catch (error) {
    if (!(error instanceof DevbackupError) || error.trouble.code !== "artifact-damaged") throw error;
    return error.trouble.why ?? "its hash is not the manifest's";
  }
}

/** What keeps a stream from being the one of its row, whatever its hash says; null for nothing. */
function misfit(
  { snapshot, uuid, parentUuid }: ArtifactReading & { kind: "whole" },
  { row, parent }: Thing,
  spec: DatasetSpec,
  { record, received }: Seen,
): string | null {
  const name = snapshotName(spec.name, row.label);
  if (snapshot !== name) return `it holds ${snapshot}, not ${name}`;
  if ((row.parent === null) !== (parentUuid === null))
    return row.parent === null ? "it is an increment" : "it is an anchor";
  const there = received.get(row.label) ?? uuid;
  if (there !== uuid) return `it holds the snapshot ${uuid}, and ${name} was received from ${there}`;
  if (parent === null) return null;
  // as its parent was read before, or stands received
  const below = lastVerified(record, parent, "deep")?.streamUuid ?? received.get(parent.label) ?? parentUuid;
  return below === parentUuid
    ? null
    : `it builds on the snapshot ${parentUuid}, and that of ${row.parent} is ${below}`;
}
