import { snapshotName } from "../../domain/artifact.ts";
import { joinPath } from "../../domain/names.ts";
import type { ArtifactReading } from "../../domain/rebuild.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { lastVerified, type VerificationRecord } from "../../domain/verification.ts";
import type { Host } from "../../transport/host.ts";
import { damagedMark, prove } from "../artifact/prove-script.ts";
import { readArtifact } from "../artifact/read-artifact.ts";
import type { View } from "../reconciler.ts";
import { entryOf } from "../snapshot/subvolumes.ts";
import type { Thing } from "./things.ts";

/** Null for `why` where all is as it should be. */
interface ArtifactCheck {
  readonly why: string | null;
  /** What the stream calls its snapshot; null where it was not parsed. */
  readonly streamUuid: string | null;
}

/**
 * Reads an artifact on the server to its end; `deep`: through age, zstd and `btrfs receive --dump` as well, and its place
 * in the chain by the UUIDs in the streams. Damage leaves the mark that {@link prove} leaves.
 * @throws DevbackupError `artifact-unread` where the server could not look
 */
export async function checkArtifact(
  host: Host,
  { spec, facts }: View,
  thing: Thing,
  record: VerificationRecord,
  signal: AbortSignal,
): Promise<ArtifactCheck> {
  const { row, check } = thing;
  const path = joinPath(spec.repository, row.localPath);
  if (check === "deep") {
    const { reading } = await readArtifact(host, spec, path, signal);
    if (reading.kind === "whole" && reading.sha256 === row.sha256) {
      const why = misfit(reading, thing, { spec, facts }, record);
      return { why, streamUuid: why === null ? reading.uuid : null };
    }
    const unproven = await whyUnproven(host, { spec }, thing, signal);
    const said = reading.kind === "whole" ? "it changed while it was read" : reading.why;
    return {
      why: unproven ?? `its hash is the manifest's, and it holds no snapshot: ${said}`,
      streamUuid: null,
    };
  }
  return { why: await whyUnproven(host, { spec }, thing, signal), streamUuid: null };
}

async function whyUnproven(
  host: Host,
  { spec }: Pick<View, "spec">,
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
  { row }: Thing,
  { spec, facts }: Pick<View, "spec" | "facts">,
  record: VerificationRecord,
): string | null {
  const name = snapshotName(spec.name, row.label);
  if (snapshot !== name) return `it holds ${snapshot}, not ${name}`;
  if ((row.parent === null) !== (parentUuid === null))
    return row.parent === null ? "it is an increment" : "it is an anchor";
  const received = entryOf(facts.hydrated, name)?.receivedUuid ?? uuid;
  if (received !== uuid) return `it holds the snapshot ${uuid}, and ${name} was received from ${received}`;
  const below = row.parent === null ? null : parentStream(row.parent, { spec, facts }, record);
  return below === null || below === parentUuid
    ? null
    : `it builds on the snapshot ${parentUuid}, and that of ${row.parent} is ${below}`;
}

/** As it was read before, or as it stands received; null where neither is known. */
function parentStream(
  label: NonNullable<Thing["row"]["parent"]>,
  { spec, facts }: Pick<View, "spec" | "facts">,
  record: VerificationRecord,
): string | null {
  const row =
    facts.manifest.kind === "known" && facts.manifest.value.reading.kind === "valid"
      ? facts.manifest.value.reading.rows.find((each) => each.label === label)
      : undefined;
  const read =
    row && lastVerified(record, { place: "server", label, identity: row.sha256 }, "deep")?.streamUuid;
  return read ?? entryOf(facts.hydrated, snapshotName(spec.name, label))?.receivedUuid ?? null;
}
