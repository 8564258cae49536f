import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type AgeRecipient, parseAgeRecipient, type Sha256 } from "../../src/domain/names.ts";
import { escrow } from "../../src/reconcilers/keys/escrow.ts";
import { escrowCopy } from "../../src/reconcilers/keys/escrow-copies.ts";
import { escrowFile, escrowFingerprint, escrowProbe } from "../../src/reconcilers/keys/escrow-files.ts";
import { identityFile } from "../../src/reconcilers/keys/key-files.ts";
import { signKeyFile } from "../../src/reconcilers/keys/signature.ts";
import { type AgeIdentity, parseAgeIdentity } from "../../src/recovery/age-file.ts";
import { openEscrow } from "../../src/recovery/escrow.ts";
import { makeServer, type Server } from "./server.ts";
import { signed } from "./signed.ts";

const NOW = () => new Date("2090-01-31T03:00:00.123Z");

async function recovery(): Promise<{ identity: AgeIdentity; recipient: AgeRecipient }> {
  const made = spawnSync("age-keygen", { encoding: "utf8" });
  const identity = await parseAgeIdentity(/^AGE-SECRET-KEY-1\S+$/m.exec(made.stdout)?.[0] ?? "");
  const recipient = parseAgeRecipient(/age1\S+/.exec(made.stdout)?.[0] ?? "");
  return { identity: identity ?? assert.fail(), recipient: recipient ?? assert.fail() };
}

/** A server with both keys. */
async function keyed(server: Server): Promise<void> {
  spawnSync("age-keygen", ["-o", identityFile(server.spec)]);
  await signed(server);
}

const factsOf = (server: Server) => {
  const fact = server.look(escrowProbe(server.spec));
  return fact.kind === "known" ? fact.value : assert.fail(JSON.stringify(fact));
};

const make = (server: Server, keysSha256: Sha256 | null, recipients: readonly AgeRecipient[]) =>
  server.run(escrow, { dataset: server.spec, keysSha256, recipients }, { now: NOW });

test("without all keys there is nothing to put away; with them the probe tells only hashes", async (context) => {
  const server = makeServer(context);
  assert.deepEqual(factsOf(server), {
    keysSha256: null,
    sha256: null,
    rights: null,
    madeAt: null,
    noted: null,
    tested: null,
  });
  await keyed(server);
  const { keysSha256 } = factsOf(server);
  assert.match(keysSha256 ?? "", /^[0-9a-f]{64}$/);
});

test("every recovery identity opens the escrow, and the server's keys are in it, byte for byte", async (context) => {
  const server = makeServer(context);
  await keyed(server);
  const [ours, theirs, nobodys] = [await recovery(), await recovery(), await recovery()];
  const { keysSha256 } = factsOf(server);
  await make(server, keysSha256, [ours.recipient, theirs.recipient]);
  const bytes = readFileSync(escrowFile(server.spec));
  for (const { identity } of [ours, theirs]) {
    const opened = await openEscrow([identity], bytes, server.spec.name);
    assert.equal(opened.madeAt, "2090-01-31T03:00:00Z");
    assert.equal(opened.backupKeyFile, readFileSync(identityFile(server.spec), "utf8"));
    assert.equal(opened.signKeyFile, readFileSync(signKeyFile(server.spec), "utf8"));
  }
  await assert.rejects(openEscrow([nobodys.identity], bytes, server.spec.name), /not encrypted to this/);
  assert.equal(statSync(escrowFile(server.spec)).mode & 0o777, 0o440);
  const { sha256, rights, noted } = factsOf(server);
  assert.equal(rights, "440 0");
  const fingerprint = escrowFingerprint(keysSha256 ?? assert.fail(), [theirs.recipient, ours.recipient]);
  assert.deepEqual(noted, { sha256, fingerprint }, "in whatever order they are declared");
});

test("keys that are not the ones that were looked at are not put away; what stands there stays", async (context) => {
  const server = makeServer(context);
  await keyed(server);
  const { recipient } = await recovery();
  await make(server, factsOf(server).keysSha256, [recipient]);
  const before = readFileSync(escrowFile(server.spec));
  await assert.rejects(make(server, "00".repeat(32) as Sha256, [recipient]), /could not be made/);
  const failing = server.with({ before: "age() { echo half; return 1; }" });
  await assert.rejects(make(failing, factsOf(server).keysSha256, [recipient]), /could not be made/);
  assert.deepEqual(readFileSync(escrowFile(server.spec)), before);
});

for (const at of [1, 2])
  test(`cut off before mv ${at}: it is made once more, or is there whole`, async (context) => {
    const server = makeServer(context);
    await keyed(server);
    const [before, now] = [await recovery(), await recovery()];
    const { keysSha256 } = factsOf(server);
    await make(server, keysSha256, [before.recipient]);
    const cutOff = server.with({
      before: `n=0\nmv() { n=$((n + 1)); [ $n -lt ${at} ] || kill -9 $$; command mv "$@"; }`,
    });
    await assert.rejects(make(cutOff, keysSha256, [now.recipient]));
    const { noted, sha256 } = factsOf(server);
    const fits =
      noted?.sha256 === sha256 &&
      noted?.fingerprint === escrowFingerprint(keysSha256 ?? assert.fail(), [now.recipient]);
    assert.equal(fits, false);
    await make(server, keysSha256, [now.recipient]);
    await openEscrow([now.identity], readFileSync(escrowFile(server.spec)), server.spec.name);
  });

test("the controller keeps the bytes that stand on the server, or none", async (context) => {
  const server = makeServer(context);
  const bytes = Buffer.from(Array.from({ length: 3000 }, (_, at) => at % 256));
  writeFileSync(escrowFile(server.spec), bytes);
  const kept: Uint8Array[] = [];
  const copy = (sha256: Sha256 | null) =>
    server.run(
      escrowCopy,
      { dataset: server.spec.name, from: escrowFile(server.spec), sha256 },
      { keepEscrow: async (_, given) => void kept.push(given) },
    );
  await copy(factsOf(server).sha256);
  assert.deepEqual(kept, [bytes]);
  await assert.rejects(copy("00".repeat(32) as Sha256), /not what it was a moment ago/);
  assert.equal(kept.length, 1);
});
