import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { snapshotName } from "../domain/artifact.ts";
import type { Manifest } from "../domain/manifest.ts";
import { NEVER_VERIFIED } from "../domain/verification.ts";
import { checkArtifact } from "../reconcilers/verify/check-artifact.ts";
import { differsScript, wholeScript } from "../reconcilers/verify/check-snapshot.ts";
import { gently, readScript } from "../reconcilers/verify/gently.ts";
import { markObject, objectMarkFile } from "../reconcilers/verify/record.ts";
import { verifyShare } from "../reconcilers/verify/share.ts";
import type { Thing } from "../reconcilers/verify/things.ts";
import { STAND_IN } from "./pattern.ts";
import type { Recording } from "./recording.ts";

const { label, sha256, number: sizeBytes } = STAND_IN;

/** What is verified after each new label. It leaves marks, and takes nothing away. */
export async function verifying(
  { host, carryOut }: Recording,
  spec: DatasetSpec,
  rows: Manifest,
): Promise<void> {
  const things = rows.flatMap((row): Thing[] => {
    const thing = { label, identity: sha256, row, sizeBytes, object: null, parent: null };
    return [
      { ...thing, place: "server", check: "hash" },
      { ...thing, place: "hydrated", identity: STAND_IN.uuid, check: "files" },
      { ...thing, place: "hydrated", identity: STAND_IN.uuid, check: "fingerprint" },
    ];
  });
  await carryOut(verifyShare, { dataset: spec, label, things, record: NEVER_VERIFIED }, spec);
  await host.run(readScript(spec));
  const name = snapshotName(spec.name, label);
  for (const script of [wholeScript(spec, name), differsScript(spec, name, STAND_IN.uuid)])
    await gently(host, spec).run(`set -eu\n${script}`);
  const object = { key: "", etag: "", sizeBytes, lastModified: STAND_IN.now };
  for (const row of rows)
    await markObject(gently(host, spec), objectMarkFile(spec, row), object, { by: "sha256", found: sha256 });
}

/** What `devbackup verify --deep --cloud` does besides. */
export async function verifyingClosely(
  { host, tools }: Recording,
  spec: DatasetSpec,
  rows: Manifest,
): Promise<void> {
  const there = gently(host, spec);
  for (const row of rows) {
    const thing: Thing = {
      label,
      identity: sha256,
      row,
      sizeBytes,
      object: null,
      parent: null,
      place: "server",
      check: "deep",
    };
    const seen = { record: NEVER_VERIFIED, received: new Map() };
    await checkArtifact(there, spec, thing, seen, tools.signal).catch(() => {});
  }
  await (await tools.bucket()).hash(there, { key: "" });
}
