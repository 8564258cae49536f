import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { datasetKeys } from "../../src/domain/artifact.ts";
import { type Manifest, renderManifest } from "../../src/domain/manifest.ts";
import { cloudManifest } from "../../src/reconcilers/cloud/cloud-manifest.ts";
import { pushedManifestProbe } from "../../src/reconcilers/cloud/pushed-manifest.ts";
import { identityFile, publishedFile } from "../../src/reconcilers/keys/key-files.ts";
import { signerThere, signKeyProbe } from "../../src/reconcilers/keys/signature.ts";
import { register } from "../../src/reconcilers/manifest/register.ts";
import { verifySignature } from "../../src/recovery/signature.ts";
import type { Bucket } from "../../src/transport/bucket/bucket.ts";
import { history } from "../domain/history.ts";
import { makeServer } from "./server.ts";
import { signed } from "./signed.ts";

const [FIRST, SECOND, THIRD] = [
  "2026-01 full 100",
  "2026-01 full 100, 2026-02 incr 10",
  "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10",
].map(history) as [Manifest, Manifest, Manifest];
const sha256Of = (rows: Manifest) => createHash("sha256").update(renderManifest(rows)).digest("hex");

/** A server whose manifests go to a bucket that is a Map, and what a reader of that bucket can make of it. */
async function world(context: TestContext) {
  const server = makeServer(context);
  const { spec } = server;
  spawnSync("age-keygen", ["-o", identityFile(spec)]);
  writeFileSync(publishedFile(spec), spawnSync("age-keygen", ["-y", identityFile(spec)]).stdout);
  await signed(server);
  const keys = datasetKeys("", spec.name);
  const objects = new Map<string, Buffer>();
  const order: string[] = [];
  let standing: Manifest | null = null;
  const push = async (rows: Manifest, { asNoted = true, cutOff = false } = {}) => {
    await server.run(register, {
      dataset: spec,
      rows,
      onSha256: standing === null ? null : sha256Of(standing),
      row: null,
    });
    standing = rows;
    const bucket: Pick<Bucket, "upload"> = {
      upload: async (_, { file, key, sizeBytes }) => {
        if (cutOff && key === keys.manifest) throw new Error("cut off");
        order.push(key);
        objects.set(key, readFileSync(file));
        return { etag: `e${order.length}`, sizeBytes, parts: 1, resumedParts: 0 };
      },
    };
    const input = {
      dataset: spec,
      keys,
      sha256: sha256Of(rows),
      signatureSha256: sha256Of(rows),
      asNoted,
      recipient: publishedFile(spec),
      recoveryRecipients: [],
    };
    await server.run(cloudManifest, input, { bucket: async () => bucket as Bucket });
  };
  const signKey = server.look(signKeyProbe(spec));
  const signer = signKey.kind === "known" ? signerThere(signKey.value) : null;
  const fits = (rows: Manifest) =>
    verifySignature({
      manifest: Buffer.from(renderManifest(rows)),
      signature: objects.get(keys.signature)?.toString() ?? "",
      signer: signer ?? assert.fail(),
    });
  const standsInBucket = () =>
    spawnSync("age", ["-d", "-i", identityFile(spec)], {
      input: objects.get(keys.manifest),
    }).stdout.toString();
  return { server, keys, order, objects, push, fits, standsInBucket };
}

test("the signature goes first, and fits the manifest that stands there until then, too", async (context) => {
  const { server, keys, order, push, fits, standsInBucket } = await world(context);
  await push(FIRST);
  assert.deepEqual(order, [keys.signature, keys.manifest]);
  await assert.rejects(push(SECOND, { cutOff: true }), /cut off/);
  assert.equal(standsInBucket(), renderManifest(FIRST));
  assert.equal(await fits(FIRST), "good");
  assert.equal(await fits(SECOND), "good");
  const noted = server.look(pushedManifestProbe(server.spec));
  assert.equal(noted.kind === "known" && noted.value.sha256, sha256Of(FIRST));
});

test("cut off before the manifest, and then a newer one: the signature fits the one that is still there", async (context) => {
  const { push, fits } = await world(context);
  await push(FIRST);
  await assert.rejects(push(SECOND, { cutOff: true }));
  await assert.rejects(push(THIRD, { cutOff: true }));
  assert.equal(await fits(FIRST), "good");
  assert.equal(await fits(THIRD), "good");
});

test("cut off before the note, and then a newer one: the signature fits the one that is there, unnoted", async (context) => {
  const { push, fits } = await world(context);
  await push(FIRST);
  await assert.rejects(push(SECOND, { cutOff: true }));
  // the bucket's manifest is not the noted one: it is the one that was on its way
  await assert.rejects(push(THIRD, { asNoted: false, cutOff: true }));
  assert.equal(await fits(SECOND), "good");
  assert.equal(await fits(THIRD), "good");
});

test("a manifest that is not signed as it stands is not sent", async (context) => {
  const { server, order, push } = await world(context);
  await push(FIRST);
  const tampered = history("2026-01 full 101");
  writeFileSync(server.path("manifests/snapshots_v2.tsv"), renderManifest(tampered));
  const input = {
    dataset: server.spec,
    keys: datasetKeys("", server.spec.name),
    sha256: sha256Of(tampered),
    signatureSha256: sha256Of(tampered),
    asNoted: true,
    recipient: publishedFile(server.spec),
    recoveryRecipients: [],
  };
  await assert.rejects(server.run(cloudManifest, input), /could not be sent/);
  assert.equal(order.length, 2);
});
