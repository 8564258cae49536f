import assert from "node:assert/strict";
import { artifactPath, labelOfSnapshot, snapshotName } from "../../src/domain/artifact.ts";
import type { Label } from "../../src/domain/label.ts";
import { type Manifest, type ManifestRow, renderStateEnv } from "../../src/domain/manifest.ts";
import { fileName } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import type { DeleteArtifacts } from "../../src/reconcilers/retention/delete-artifacts.ts";
import type { DeleteSnapshots } from "../../src/reconcilers/retention/delete-snapshots.ts";
import { isHalfReceived, isHydrated, isSnapshot } from "../../src/reconcilers/snapshot/complete.ts";
import { subvolume } from "../reconcilers/world.ts";
import { recover } from "./look.ts";
import {
  keysSha256Of,
  manifestSha256,
  newRecipient,
  newSha256,
  newSigner,
  newUuid,
  next,
  type Stored,
  signatureSha256,
  TOOLS,
  type World,
  WS_TOOLS,
} from "./world.ts";

/** The action found something damaged, as its script would; nothing was changed but for a mark. */
export class Damaged extends Error {}

/**
 * What each kind of action promises, done to the world. An assertion fails where its script could not do it: a plan
 * must not promise what can't be done.
 */
export function carryOut(world: World, action: Action, sizeBytes: (isAnchor: boolean) => number): void {
  const effect = EFFECTS[action.kind];
  assert(effect !== undefined, `nobody knows what ${action.kind} does`);
  effect(world, action, sizeBytes);
}

type Effect = (world: World, action: Action, sizeBytes: (isAnchor: boolean) => number) => void;
interface Moves {
  readonly from: string;
}

const EFFECTS: Readonly<Record<string, Effect>> = {
  packages: (world, { host }) => {
    if (host === world.spec.workstation) world.ws.tools = new Set(WS_TOOLS);
    else world.ls.tools = new Set(TOOLS);
  },
  layout: (world, { host, input }) => {
    const side = host === world.spec.workstation ? world.ws : world.ls;
    for (const { path, mode } of (input as { folders: { path: string; mode: string }[] }).folders)
      side.folders.set(path, `${mode} 0 0`);
  },
  subvolume: (world, { input }) => {
    assert.equal((input as { how: string }).how, "create");
    assert.equal(world.ws.source.kind, "absent");
    world.ws.source = { kind: "subvolume", uuid: newUuid(world), parentUuid: null, written: false };
  },
  key: (world, { input }) => {
    const { ls, ws } = world;
    const { how } = input as { how: string };
    if (how === "recipient") {
      assert(ls.published !== null, "there is no recipient to put there");
      ws.recipient = ls.published;
      return;
    }
    if (how === "create") {
      assert.equal(ls.identity, null);
      ls.identity = newRecipient(world);
    }
    if (how === "put-back") ls.identity = recover(world, "latest").recipient;
    ls.published = ls.identity;
  },
  "sign-key": (world, { input }) => {
    const { ls } = world;
    const { how } = input as { how: string };
    if (how === "create") {
      assert.equal(ls.signKey, null);
      ls.signKey = newSigner(world);
      ls.unsigned = ls.manifest !== null && ls.signature === null;
    }
    if (how === "put-back") ls.signKey = recover(world, "latest").signer;
    ls.signPublished = ls.signKey;
  },
  escrow: (world, { input }) => {
    const { ls } = world;
    const { keysSha256 } = input as { keysSha256: string | null };
    assert(keysSha256 !== null && keysSha256 === keysSha256Of(world), "the keys have changed");
    assert(ls.identity !== null && ls.signKey !== null);
    const [sha256, keys] = [newSha256(world), keysSha256Of(world)];
    assert(keys !== null);
    ls.escrow = { sha256, keysSha256: keys, recipient: ls.identity, signer: ls.signKey };
  },
  "escrow-copy": ({ ls, memory }, { input }) => {
    assert(ls.escrow !== null && ls.escrow.sha256 === (input as { sha256: string }).sha256);
    memory.escrow = ls.escrow;
  },
  "upload-escrow": (world, { input }) => {
    const { key, sha256 } = input as { key: string; sha256: string };
    const { escrow, pushed } = world.ls;
    assert(escrow !== null && escrow.sha256 === sha256);
    const object = put(world, key, { sha256: escrow.sha256, sizeBytes: 7, holds: escrow });
    pushed.escrow = { sha256, etag: object.etag, sizeBytes: 7 };
  },
  "trust-signer": ({ memory }, { input }) => {
    memory.signer = (input as { signer: NonNullable<typeof memory.signer> }).signer;
  },
  "set-aside": ({ ls, spec }, { input }) => {
    const path = (input as Moves).from.slice(spec.repository.length + 1);
    assert(ls.files.delete(path), `${path} is not there`);
    ls.damaged.delete(path);
  },
  snapshot: (world, action) => {
    const { ws, spec } = world;
    const name = snapshotName(spec.name, labelOf(action));
    assert(ws.source.kind === "subvolume" && !ws.snapshots.has(name));
    ws.snapshots.set(name, subvolume(newUuid(world), { parentUuid: ws.source.uuid }));
  },
  artifact: makeArtifact,
  sign: ({ ls }, { input }) => {
    assert(ls.manifest !== null && ls.signKey !== null);
    assert.equal(manifestSha256(ls.manifest), (input as { sha256: string }).sha256);
    ls.signature = { by: ls.signKey, of: manifestSha256(ls.manifest) };
  },
  register: (world, { input }) => {
    const { ls, spec } = world;
    const { rows, onSha256, row, putBack } = input as RegisterInput;
    assert(rows !== null, "there is nothing to register");
    assert(ls.signKey !== null, "there is nothing to sign it with");
    assert.equal(ls.manifest === null ? null : manifestSha256(ls.manifest), onSha256);
    if (row !== null) assert.equal(ls.files.get(row.localPath)?.sizeBytes, row.sizeBytes);
    ls.manifest = rows;
    ls.signature = { by: ls.signKey, of: manifestSha256(rows) };
    ls.unsigned = false;
    ls.stateEnv = renderStateEnv(spec.name, rows);
    ls.waiting = ls.waiting.filter(({ label }) => label !== row?.label);
    if (putBack === undefined) return;
    const adopted = { sha256: manifestSha256(rows), etag: "-", sizeBytes: 0 };
    ls.pushed.manifest ??= adopted;
    ls.pushed.escrow ??= adopted;
    ls.sentSignature = ls.signature;
  },
  fingerprint: (world, action) => {
    const { ws, ls, spec } = world;
    const from = ws.snapshots.get(snapshotName(spec.name, labelOf(action)));
    assert(isSnapshot(from) && from.receivedUuid === null, "there is no snapshot that was taken there");
    ls.fingerprints.add(labelOf(action));
  },
  fetch: (world, action) => {
    const { ls, bucket, spec } = world;
    const { key, file, sha256 } = action.input as { key: string; file: string; sha256: string };
    const object = bucket.get(key);
    assert(object !== undefined, `${key} is not in the bucket`);
    if (object.sha256 !== sha256) throw new Damaged(`${key} is not what the manifest says`);
    const path = file.slice(spec.repository.length + 1);
    ls.files.set(path, { sha256: object.sha256, sizeBytes: object.sizeBytes });
    ls.damaged.delete(path);
  },
  hydrate,
  "set-aside-snapshot": ({ ls, spec }, { input }) => {
    const { name, artifact } = input as { name: string; artifact: { path: string; sha256: string } };
    const path = artifact.path.slice(spec.repository.length + 1);
    const file = ls.files.get(path);
    assert(file !== undefined, `${path} is not there`);
    if (file.sha256 !== artifact.sha256) {
      ls.damaged.set(path, file.sha256);
      throw new Damaged(`${path} is not what the manifest says`);
    }
    assert(ls.hydrated.get(name)?.damaged === true, `${name} was not found damaged`);
    ls.hydrated.delete(name);
  },
  verify: ({ ls, now }, { input }) => {
    const { label } = input as { label: Label };
    assert.equal(label, ls.manifest?.at(-1)?.label, "what it comes behind is not there yet");
    ls.record = { ...ls.record, share: { label, at: now } };
  },
  "working-copy": (world, { input }) => {
    const { ls } = world;
    const { name, label } = input as { name: string; label: Label };
    const from = ls.hydrated.get(name);
    assert(isHydrated(from), `${name} is not hydrated`);
    const uuid = newUuid(world);
    ls.copy = { uuid, parentUuid: from.uuid, written: false };
    ls.copyNoted = { uuid, label };
  },
  receive: (world, { input }) => {
    const { ws, ls } = world;
    const { name, base } = input as { name: string; base: string | null };
    const from = ls.hydrated.get(name);
    assert(isHydrated(from), `${name} is not hydrated`);
    if (base !== null) {
      const [there, here] = [ls.hydrated.get(base), ws.snapshots.get(base)];
      assert(isHydrated(there) && isSnapshot(here), `${base} is not on both machines`);
      assert.equal(here.receivedUuid ?? here.uuid, there.receivedUuid, `${base} is not the same on both`);
    }
    assert(!ws.snapshots.has(name), `${name} is there already`);
    ws.snapshots.set(name, subvolume(newUuid(world), { receivedUuid: from.receivedUuid }));
  },
  worktree: (world, { input }) => {
    const { ws } = world;
    const { name } = input as { name: string };
    const from = ws.snapshots.get(name);
    assert(isSnapshot(from), `${name} is not there`);
    ws.source = { kind: "subvolume", uuid: newUuid(world), parentUuid: from.uuid, written: false };
  },
  "abort-upload": (world, { input }) => {
    const { uploadId } = input as { uploadId: string };
    world.unfinished = world.unfinished.filter((upload) => upload.uploadId !== uploadId);
  },
  retention: letGo,
  upload: (world, { input }) => {
    const { key, file } = input as { key: string; file: { path: string; sha256: string } | null };
    assert(file !== null, "there is nothing to send");
    const there = world.ls.files.get(file.path.slice(world.spec.repository.length + 1));
    assert(there !== undefined, `${file.path} is not there`);
    if (there.sha256 !== file.sha256) {
      world.ls.damaged.set(file.path.slice(world.spec.repository.length + 1), there.sha256);
      throw new Damaged(`${file.path} is not what the manifest says`);
    }
    put(world, key, { ...there, holds: null });
  },
  "upload-manifest": (world, { input }) => {
    const { ls } = world;
    const { keys, sha256, signatureSha256: ofSignature } = input as ManifestInput;
    assert(ls.manifest !== null && ls.signature !== null && sha256 === manifestSha256(ls.manifest));
    assert.equal(ofSignature, signatureSha256(ls.signature));
    assert.equal(ls.signature.of, sha256, "it is not signed as it stands");
    assert(ls.published !== null, "there is nobody to encrypt it to");
    const blocks = [ls.signature, ...(ls.sentSignature === null ? [] : [ls.sentSignature])];
    const [signature, manifest] = [
      put(world, keys.signature, { sha256: ofSignature, sizeBytes: 5, holds: blocks }),
      put(world, keys.manifest, { sha256, sizeBytes: 5, holds: ls.manifest }),
    ];
    ls.pushed.signature = { sha256: ofSignature, etag: signature.etag, sizeBytes: 5 };
    ls.pushed.manifest = { sha256, etag: manifest.etag, sizeBytes: 5 };
    ls.sentSignature = ls.signature;
  },
};

function letGo(world: World, { input }: Action): void {
  const { ws, ls, bucket, spec } = world;
  const given = input as DeleteSnapshots | DeleteArtifacts | null;
  assert(given !== null, "it is not yet time");
  if (given.kind === "snapshots") {
    for (const { path, sha256 } of given.first.artifacts) {
      const local = path.slice(spec.repository.length + 1);
      const there = ls.files.get(local);
      assert(there !== undefined, `${path} is not there`);
      if (there.sha256 === sha256) continue;
      ls.damaged.set(local, there.sha256);
      throw new Damaged(`${path} is not what the manifest says`);
    }
    const side = given.folder === spec.snapshots ? ws.snapshots : ls.hydrated;
    for (const { name, uuid } of given.snapshots) {
      const there = side.get(name);
      assert(there?.uuid === uuid && there.readOnly, `${name} is not the one that was seen`);
      side.delete(name);
    }
    return;
  }
  for (const { file, key, sizeBytes, sha256 } of given.artifacts) {
    const path = file.slice(spec.repository.length + 1);
    const [here, there] = [ls.files.get(path), bucket.get(key)];
    if (given.kind === "files") {
      if (there?.sizeBytes !== sizeBytes || there.sha256 !== sha256)
        throw new Damaged(`${key} is not what the manifest says`);
      ls.files.delete(path);
      ls.damaged.delete(path);
    } else {
      assert(here !== undefined, `${path} is not there`);
      if (here.sha256 !== sha256) {
        ls.damaged.set(path, here.sha256);
        throw new Damaged(`${path} is not what the manifest says`);
      }
      bucket.delete(key);
      ls.damagedObjects.delete(fileName(key));
    }
  }
}

interface RegisterInput {
  readonly rows: Manifest | null;
  readonly onSha256: string | null;
  readonly row: ManifestRow | null;
  readonly putBack?: true;
}
interface ManifestInput {
  readonly keys: { readonly manifest: string; readonly signature: string };
  readonly sha256: ReturnType<typeof manifestSha256>;
  readonly signatureSha256: ReturnType<typeof manifestSha256>;
}

function makeArtifact(world: World, action: Action, sizeBytes: (isAnchor: boolean) => number): void {
  const { ws, ls, spec, contents } = world;
  const label = labelOf(action);
  const { parent, objectKey: key } = action.input as { parent: Label | null; objectKey: string | null };
  const from = ws.snapshots.get(snapshotName(spec.name, label));
  assert(isSnapshot(from), `there is no snapshot of ${label}`);
  assert(ws.recipient !== null, "there is nobody to encrypt it to");
  const base = parent === null ? null : ws.snapshots.get(snapshotName(spec.name, parent));
  assert(base === null || isSnapshot(base), `the parent ${parent} is not on the workstation`);
  const path = artifactPath({ dataset: spec.name, label, parent });
  assert(!ls.files.has(path), `${path} is there already`);
  const sha256 = newSha256(world);
  const size = sizeBytes(parent === null);
  contents.set(sha256, {
    label,
    parent,
    uuid: from.receivedUuid ?? from.uuid,
    parentUuid: base === null ? null : (base.receivedUuid ?? base.uuid),
    recipient: ws.recipient,
  });
  ls.files.set(path, { sha256, sizeBytes: size });
  ls.waiting = ls.waiting.filter(({ localPath }) => localPath !== path);
  ls.waiting.push({
    ts: world.now.toISOString(),
    label,
    parent,
    sizeBytes: size,
    sha256,
    localPath: path,
    objectKey: key,
  });
}

function hydrate(world: World, { input }: Action): void {
  const { ls, contents, spec } = world;
  const { name, artifact, replace } = input as {
    name: string;
    artifact: { path: string; sha256: string } | null;
    replace: boolean;
  };
  assert(artifact !== null, `there is nothing to receive ${name} from`);
  const path = artifact.path.slice(spec.repository.length + 1);
  const file = ls.files.get(path);
  assert(file !== undefined, `${path} is not there`);
  if (file.sha256 !== artifact.sha256) {
    ls.damaged.set(path, file.sha256);
    throw new Damaged(`${path} is not what the manifest says`);
  }
  const content = contents.get(file.sha256);
  assert(content !== undefined && labelOfSnapshot(spec.name, name) === content.label);
  assert.equal(ls.identity, content.recipient, `the identity does not open the artifact of ${content.label}`);
  if (content.parent !== null) {
    const base = ls.hydrated.get(snapshotName(spec.name, content.parent));
    assert(isHydrated(base), `the parent ${content.parent} is not hydrated`);
    assert.equal(base.receivedUuid, content.parentUuid, `${content.parent} is not what it was made on`);
  }
  const there = ls.hydrated.get(name);
  assert(there === undefined || replace || (there !== null && isHalfReceived(there)), `${name} is there`);
  ls.hydrated.set(name, subvolume(newUuid(world), { receivedUuid: content.uuid }));
}

function put(world: World, key: string, object: Omit<Stored, "etag" | "at">): Stored {
  const stored = { ...object, etag: `etag-${next(world)}`, at: world.now };
  world.bucket.set(key, stored);
  return stored;
}

const labelOf = ({ label, id }: Action): Label => {
  assert(label !== null, `${id} is about no label`);
  return label;
};
