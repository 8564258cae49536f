import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { artifactPath, snapshotName } from "../domain/artifact.ts";
import type { ManifestRow } from "../domain/manifest.ts";
import { fileName, joinPath } from "../domain/names.ts";
import type { DrillProof } from "../domain/proof.ts";
import { artifact } from "../reconcilers/artifact/artifact.ts";
import { fetch, tmpOfFetched } from "../reconcilers/artifact/fetch.ts";
import { damagedMark } from "../reconcilers/artifact/prove-script.ts";
import { cloudObjects } from "../reconcilers/cloud/cloud.ts";
import { cloudManifest } from "../reconcilers/cloud/cloud-manifest.ts";
import { cloudEscrow } from "../reconcilers/keys/escrow-copies.ts";
import { escrowFile, escrowPushedNote } from "../reconcilers/keys/escrow-files.ts";
import { readEscrowBytes } from "../reconcilers/keys/escrow-proof.ts";
import { identityFile, publishedFile } from "../reconcilers/keys/key-files.ts";
import { hydratedFolder } from "../reconcilers/machine/folders.ts";
import { register } from "../reconcilers/manifest/register.ts";
import { sign } from "../reconcilers/manifest/sign.ts";
import {
  asideFolder,
  manifestFile,
  manifestProbe,
  tmpFile,
  UPLOAD_SUFFIX,
} from "../reconcilers/manifest/store.ts";
import { drill } from "../reconcilers/proof/drill.ts";
import { recordProof } from "../reconcilers/proof/drills.ts";
import { fingerprint } from "../reconcilers/proof/fingerprint.ts";
import { extract } from "../reconcilers/receive/extract.ts";
import { noteFile as extractedNote } from "../reconcilers/receive/extract-target.ts";
import { hydrate } from "../reconcilers/receive/hydrate.ts";
import { receive } from "../reconcilers/receive/receive.ts";
import {
  damagedSnapshotMark,
  marksOnServer,
  marksOnWorkstation,
  serverLock,
  workstationLock,
} from "../reconcilers/receive/receive-script.ts";
import { setAsideSnapshot } from "../reconcilers/receive/set-aside-snapshot.ts";
import { workingCopy } from "../reconcilers/receive/working-copy.ts";
import { baseFolder, noteFile as copyNote } from "../reconcilers/receive/working-copy-facts.ts";
import { deleteArtifact, deleteFileScript } from "../reconcilers/retention/delete-artifacts.ts";
import { deleteSnapshotsScript } from "../reconcilers/retention/delete-snapshots.ts";
import { objectMarkFile } from "../reconcilers/verify/record.ts";
import { sizeScript } from "../transport/watch-size.ts";
import { STAND_IN } from "./pattern.ts";
import type { Recording } from "./recording.ts";
import { verifying, verifyingClosely } from "./verifying.ts";

const { label, sha256, number: sizeBytes } = STAND_IN;

const PROOF: DrillProof = {
  label,
  at: STAND_IN.now,
  result: "same" as const,
  durationMs: 0,
  tree: null,
  why: [],
  artifacts: { count: 0, bytes: 0 },
};

const rowOf = ({ name: dataset }: DatasetSpec, parent: ManifestRow["parent"]): ManifestRow => ({
  ts: STAND_IN.now.toISOString(),
  label,
  parent,
  sizeBytes,
  sha256,
  localPath: artifactPath({ dataset, label, parent }),
  objectKey: null,
});

/** An anchor's and an increment's. */
const rowsOf = (spec: DatasetSpec): readonly ManifestRow[] => [rowOf(spec, null), rowOf(spec, label)];

/** What a month that is added needs, and nothing that could take away what is registered. */
export async function adding(recording: Recording, desired: DesiredState, spec: DatasetSpec): Promise<void> {
  const { host, carryOut } = recording;
  await host.run(manifestProbe(spec).script);
  for (const row of rowsOf(spec)) {
    const { parent } = row;
    const path = joinPath(spec.repository, row.localPath);
    await carryOut(artifact, { dataset: spec, label, parent, objectKey: null, after: null }, spec);
    await host.run(sizeScript(tmpFile(spec, fileName(row.localPath))));
    await carryOut(fingerprint, { dataset: spec, label, base: parent }, spec);
    for (const onSha256 of [null, sha256])
      await carryOut(register, { dataset: spec, rows: [row], onSha256, row }, spec);
    await carryOut(hydrate, hydration(spec, row, false), spec);
    if (desired.cloud !== null) {
      const state = tmpFile(spec, fileName(row.localPath) + UPLOAD_SUFFIX);
      await carryOut(
        cloudObjects,
        {
          key: "",
          file: { path, state, sizeBytes, sha256, damagedMark: damagedMark(spec, row) },
          mark: objectMarkFile(spec, row),
        },
        spec,
      );
    }
  }
  await verifying(recording, spec, rowsOf(spec));
  for (const of of [label, null])
    await carryOut(drill, { dataset: spec, label: of }, spec).catch(() => undefined);
  await recordProof(host, spec, PROOF);
  await replacements(recording, spec, false);
  await readEscrowBytes(host, spec).catch(() => undefined);
  if (desired.cloud === null) return;
  for (const asNoted of [true, false])
    await carryOut(
      cloudManifest,
      {
        dataset: spec,
        keys: { manifest: "", signature: "" },
        sha256,
        signatureSha256: sha256,
        asNoted,
        recipient: publishedFile(spec),
        recoveryRecipients: desired.recoveryRecipients,
      },
      spec,
    );
  await carryOut(
    cloudEscrow,
    { from: escrowFile(spec), key: "", note: escrowPushedNote(spec), sha256 },
    spec,
  );
}

/** What mends, replaces and gives out besides. */
export async function changing(recording: Recording, spec: DatasetSpec): Promise<void> {
  const { host, carryOut } = recording;
  for (const onSha256 of [null, sha256]) {
    const rows = { dataset: spec, rows: rowsOf(spec), onSha256, row: null };
    await carryOut(register, rows, spec);
    await carryOut(register, { ...rows, putBack: true }, spec);
  }
  await carryOut(sign, { dataset: spec, manifest: manifestFile(spec), sha256 }, spec);
  for (const row of rowsOf(spec)) {
    await carryOut(hydrate, hydration(spec, row, true), spec);
    await carryOut(setAsideSnapshot, { ...hydration(spec, row, false), ...asideOf(spec) }, spec);
    await carryOut(
      fetch,
      {
        key: "",
        file: joinPath(spec.repository, row.localPath),
        tmp: tmpOfFetched(spec, { path: row.localPath }),
        aside: asideFolder(spec),
        sizeBytes,
        sha256,
      },
      spec,
    );
    await host.run(sizeScript(tmpOfFetched(spec, { path: row.localPath })));
  }
  for (const row of rowsOf(spec))
    await host.run(`set -eu\n${deleteFileScript(deleteArtifact(spec, row, "", sizeBytes))}`);
  await host.run(
    `set -eu\n${deleteSnapshotsScript({
      kind: "snapshots",
      folder: hydratedFolder(spec.repository),
      lock: serverLock(spec),
      fromAfar: false,
      snapshots: [{ name: snapshotName(spec.name, label), uuid: STAND_IN.uuid }],
    })}`,
  );
  await verifyingClosely(recording, spec, rowsOf(spec));
  await replacements(recording, spec, true);
  await givingOut(recording, spec);
}

const hydration = (spec: DatasetSpec, row: ManifestRow, replace: boolean) => ({
  identity: identityFile(spec),
  repository: spec.repository,
  manifest: manifestFile(spec),
  folder: hydratedFolder(spec.repository),
  name: snapshotName(spec.name, label),
  replace,
  marks: marksOnServer(spec),
  lock: serverLock(spec),
  artifact: {
    path: joinPath(spec.repository, row.localPath),
    sha256,
    sizeBytes,
    damagedMark: damagedMark(spec, row),
  },
});

/** A label to the workstation, whole or as an increment, and to a folder beside what is there. */
async function givingOut({ carryOut }: Recording, spec: DatasetSpec): Promise<void> {
  const name = snapshotName(spec.name, label);
  const given = { server: spec.server, hydrated: hydratedFolder(spec.repository), name };
  for (const base of [null, name])
    await carryOut(
      receive,
      {
        ...given,
        base,
        folder: spec.snapshots,
        replace: false,
        marks: marksOnWorkstation(spec),
        lock: workstationLock(spec),
      },
      spec,
      spec.workstation,
    );
  await carryOut(
    extract,
    {
      ...given,
      clear: false,
      way: "archive",
      folder: spec.path,
      paths: [],
      note: extractedNote(spec),
      noted: "",
    },
    spec,
    spec.workstation,
  );
}

const asideOf = (spec: DatasetSpec) => ({ mark: damagedSnapshotMark(spec, snapshotName(spec.name, label)) });

/** On the repository's own file system, or on another; from a label that is known, or not. */
async function replacements({ carryOut }: Recording, spec: DatasetSpec, stranger: boolean): Promise<void> {
  const { workingCopy: path } = spec;
  if (path === null) return;
  const name = snapshotName(spec.name, label);
  for (const ownBase of [null, baseFolder(path)])
    for (const from of [null, label])
      await carryOut(
        workingCopy,
        {
          path,
          name,
          label,
          note: copyNote(spec),
          dataset: spec.name,
          lock: serverLock(spec),
          hydrated: hydratedFolder(spec.repository),
          ownBase,
          stranger,
          from,
          bases: [{ uuid: STAND_IN.uuid, path: joinPath(ownBase ?? hydratedFolder(spec.repository), name) }],
        },
        spec,
      );
}
