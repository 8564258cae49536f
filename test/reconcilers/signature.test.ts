import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { Manifest } from "../../src/domain/manifest.ts";
import { renderManifest } from "../../src/domain/manifest.ts";
import { parseSigner } from "../../src/domain/names.ts";
import { signKey } from "../../src/reconcilers/keys/sign-key.ts";
import { signKeyFile, signKeyProbe, signPublicFile } from "../../src/reconcilers/keys/signature.ts";
import { register } from "../../src/reconcilers/manifest/register.ts";
import { sign } from "../../src/reconcilers/manifest/sign.ts";
import { manifestProbe } from "../../src/reconcilers/manifest/store.ts";
import { verifySignature } from "../../src/recovery/signature.ts";
import { history } from "../domain/history.ts";
import { makeServer, type Server } from "./server.ts";
import { signed } from "./signed.ts";

const MANIFEST = "manifests/snapshots_v2.tsv";
const JANUARY = history("2026-01 full 100");
const FEBRUARY = history("2026-01 full 100, 2026-02 incr 10");

const sha256Of = (rows: Manifest) => createHash("sha256").update(renderManifest(rows)).digest("hex");
const write = (server: Server, rows: Manifest, on: Manifest | null) =>
  server.run(register, {
    dataset: server.spec,
    rows,
    onSha256: on === null ? null : sha256Of(on),
    row: null,
  });
const keyOf = (server: Server) => {
  const fact = server.look(signKeyProbe(server.spec));
  return fact.kind === "known" ? fact.value : assert.fail();
};
/** `good 2026-01`: the signature, and the newest label. */
const stateOf = (server: Server): string => {
  const fact = server.look(manifestProbe(server.spec));
  if (fact.kind !== "known") return fact.kind;
  const { signature, reading } = fact.value;
  return `${signature} ${reading.kind === "valid" ? reading.rows.at(-1)?.label : reading.why}`;
};

test("the key is made with its public half beside it; a second one is not made over it", async (context) => {
  const server = makeServer(context);
  assert.deepEqual(keyOf(server), { rights: null, derived: null, published: null });
  await signed(server);
  const { rights, derived, published } = keyOf(server);
  assert.equal(rights, "400 0");
  assert.ok(derived);
  assert.equal(published, derived);
  assert.equal(statSync(signPublicFile(server.spec)).mode & 0o777, 0o444);
  assert.match(readFileSync(signPublicFile(server.spec), "utf8"), /^ssh-ed25519 \S{68} devbackup dev\n$/);
});

test("rights that others have, and a public half that is another's, are set right", async (context) => {
  const server = makeServer(context);
  await signed(server);
  const { derived } = keyOf(server);
  chmodSync(signKeyFile(server.spec), 0o644);
  rmSync(signPublicFile(server.spec));
  assert.equal(keyOf(server).rights, "644 0");
  await server.run(signKey, { how: "publish", dataset: server.spec });
  assert.deepEqual(keyOf(server), { rights: "400 0", derived, published: derived });
});

test("what the server signs is what a controller checks, to the byte", async (context) => {
  const server = makeServer(context);
  await signed(server);
  await write(server, JANUARY, null);
  const given = {
    manifest: readFileSync(server.path(MANIFEST)),
    signature: readFileSync(server.path(`${MANIFEST}.sig`), "utf8"),
    signer: parseSigner(readFileSync(signPublicFile(server.spec), "utf8").trimEnd()) ?? assert.fail(),
  };
  assert.equal(await verifySignature(given), "good");
  assert.equal(await verifySignature({ ...given, manifest: Buffer.from(renderManifest(FEBRUARY)) }), "wrong");
});

test("a changed manifest, a signature that is gone or another's, and a key that nobody has", async (context) => {
  const server = makeServer(context);
  assert.equal(stateOf(server), "absent");
  await signed(server);
  await write(server, JANUARY, null);
  assert.equal(stateOf(server), "good 2026-01");
  const text = readFileSync(server.path(MANIFEST), "utf8");
  writeFileSync(server.path(MANIFEST), text.replace("100", "101"));
  assert.equal(stateOf(server), "wrong 2026-01");
  writeFileSync(server.path(MANIFEST), text);
  assert.equal(stateOf(server), "good 2026-01");
  const signature = readFileSync(server.path(`${MANIFEST}.sig`), "utf8");
  rmSync(server.path(`${MANIFEST}.sig`));
  assert.equal(stateOf(server), "missing 2026-01");
  writeFileSync(server.path(`${MANIFEST}.sig`), signature);
  assert.equal(stateOf(server.with({ before: "command() { return 1; }" })), "unknown 2026-01");
  rmSync(signKeyFile(server.spec));
  assert.equal(stateOf(server), "good 2026-01", "by the public half");
  rmSync(signPublicFile(server.spec));
  assert.equal(stateOf(server), "unknown 2026-01");
  await signed(server);
  assert.equal(stateOf(server), "wrong 2026-01", "by another key");
});

test("a manifest whose hash could not be taken is not one that is gone", async (context) => {
  const server = makeServer(context);
  await signed(server);
  await write(server, JANUARY, null);
  assert.equal(stateOf(server.with({ before: "sha256sum() { return 1; }" })), "unknown");
});

test("a manifest from before there were signatures is signed without a question, whatever is cut off", async (context) => {
  const server = makeServer(context);
  writeFileSync(server.path(MANIFEST), renderManifest(JANUARY));
  assert.equal(stateOf(server), "missing 2026-01");
  await signed(server);
  assert.equal(stateOf(server), "unsigned 2026-01");
  await write(server, JANUARY, JANUARY);
  assert.equal(stateOf(server), "good 2026-01");
  rmSync(server.path(`${MANIFEST}.sig`));
  assert.equal(stateOf(server), "missing 2026-01", "the second time it is not taken for one from before");
});

test("only a manifest that is still the one that was looked at is signed", async (context) => {
  const server = makeServer(context);
  await signed(server);
  writeFileSync(server.path(MANIFEST), renderManifest(JANUARY));
  const input = { dataset: server.spec, manifest: server.path(MANIFEST) as never };
  await assert.rejects(server.run(sign, { ...input, sha256: sha256Of(FEBRUARY) }), /could not be signed/);
  assert.equal(stateOf(server), "missing 2026-01");
  await server.run(sign, { ...input, sha256: sha256Of(JANUARY) });
  assert.equal(stateOf(server), "good 2026-01");
});

// every step of a write, cut off before it: sync, mv, rm, and what signs
for (const [command, times] of [
  ["sync", 6],
  ["mv", 3],
  ["ssh-keygen", 8],
] as const)
  for (let at = 1; at <= times; at++)
    for (const first of [true, false])
      test(`cut off before ${command} ${at} of ${first ? "the first write" : "a write"}: never another manifest than a signed one, and the next write ends it`, async (context) => {
        const server = makeServer(context);
        await signed(server);
        if (!first) await write(server, JANUARY, null);
        const cutOff = server.with({
          before: `n=0\n${command}() { n=$((n + 1)); [ $n -lt ${at} ] || kill -9 $$; command ${command} "$@"; }`,
        });
        await write(cutOff, FEBRUARY, first ? null : JANUARY).catch(() => undefined);
        const state = stateOf(server);
        const old = first ? "absent" : "good 2026-01";
        assert.ok([old, "ahead 2026-02", "good 2026-02"].includes(state), state);
        const standing = state === old ? (first ? null : JANUARY) : FEBRUARY;
        await write(server, FEBRUARY, standing);
        assert.equal(stateOf(server), "good 2026-02");
      });
