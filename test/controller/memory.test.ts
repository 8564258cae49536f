import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { escrowHere, keepEscrow, keepSeen, memoryPlace, recall } from "../../src/controller/memory.ts";
import { remember } from "../../src/domain/memory.ts";
import type { Sha256, Signer } from "../../src/domain/names.ts";
import { label } from "../domain/history.ts";
import { desired, SIGNER } from "../reconcilers/world.ts";

const OTHER = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"B".repeat(43)}` as Signer;
const seen = (at: string) => ({
  label: label(at),
  ts: "2026-01-01T00:00:00Z",
  manifestSha256: "11".repeat(32) as Sha256,
});

function place(context: TestContext) {
  const home = mkdtempSync("/tmp/memory-");
  context.after(() => rmSync(home, { recursive: true }));
  const [spec = assert.fail()] = desired().datasets;
  return memoryPlace(spec, desired(), { home, env: {} });
}

test("what was seen is recalled; it is nobody else's to read", async (context) => {
  const at = place(context);
  assert.deepEqual(await recall(at), {
    kind: "known",
    value: { signer: null, newest: null, escrowSha256: null, folder: at.folder },
  });
  await keepSeen(at, { signer: SIGNER, newest: seen("2026-03") });
  const memory = await recall(at);
  assert.deepEqual(memory.kind === "known" && memory.value.newest, seen("2026-03"));
  assert.equal(statSync(at.folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(at.folder, "seen.json")).mode & 0o777, 0o600);
});

test("what can't be read is unknown, and not nothing", async (context) => {
  const at = place(context);
  await keepSeen(at, { signer: SIGNER, newest: seen("2026-03") });
  const file = join(at.folder, "seen.json");
  const good = readFileSync(file, "utf8");
  for (const bad of [
    "",
    "{",
    "null",
    good.replace("1,", "2,"),
    good.replace("AAAAC3", "AAAAD3"),
    good.replace("2026-03", "x"),
  ]) {
    writeFileSync(file, bad);
    assert.equal((await recall(at)).kind, "unknown", bad);
  }
});

test("a folder that can't be written to is an error with a next step", async (context) => {
  const at = { folder: join(place(context).folder, "a\0b") };
  await assert.rejects(keepSeen(at, { signer: SIGNER, newest: null }), /could not be written/);
});

test("every escrow before the newest is kept, also where the copy here was damaged in between", async (context) => {
  const at = place(context);
  const [first, second, damaged] = [Buffer.from("first"), Buffer.from("second"), Buffer.from("secone")];
  for (const bytes of [first, second, second]) await keepEscrow(at, bytes);
  assert.deepEqual(await escrowHere(at), second);
  writeFileSync(join(at.folder, "escrow.age"), damaged);
  await keepEscrow(at, second);
  assert.deepEqual(await escrowHere(at), second);
  const kept = readdirSync(at.folder).filter((name) => name.startsWith("escrow.before-"));
  assert.deepEqual(kept.map((name) => readFileSync(join(at.folder, name), "utf8")).sort(), [
    "first",
    "secone",
  ]);
  chmodSync(at.folder, 0o700);
});

test("each place that backups go to has a memory of its own; a relative XDG_STATE_HOME is ignored", () => {
  const [spec = assert.fail()] = desired().datasets;
  const at = (cloud: boolean, env = {}) => memoryPlace(spec, desired(cloud), { home: "/h", env }).folder;
  assert.match(at(true), /^\/h\/\.local\/state\/devbackup\/dev-[0-9a-f]{12}$/);
  assert.notEqual(at(true), at(false));
  assert.match(at(true, { XDG_STATE_HOME: "/x" }), /^\/x\/devbackup\/dev-/);
  assert.equal(at(true, { XDG_STATE_HOME: "x" }), at(true));
});

const NOTHING = { signer: null, newest: null };
for (const [name, before, now, after] of [
  [
    "the first",
    NOTHING,
    { signer: SIGNER, newest: seen("2026-01") },
    { signer: SIGNER, newest: seen("2026-01") },
  ],
  [
    "a newer one",
    { signer: SIGNER, newest: seen("2026-01") },
    { signer: SIGNER, newest: seen("2026-02") },
    { signer: SIGNER, newest: seen("2026-02") },
  ],
  [
    "an older one",
    { signer: SIGNER, newest: seen("2026-02") },
    { signer: SIGNER, newest: seen("2026-01") },
    { signer: SIGNER, newest: seen("2026-02") },
  ],
  [
    "another signer",
    { signer: SIGNER, newest: seen("2026-01") },
    { signer: OTHER, newest: seen("2026-02") },
    { signer: SIGNER, newest: seen("2026-01") },
  ],
] as const)
  test(`remembered: ${name}`, () => assert.deepEqual(remember(before, now), after));
