import assert from "node:assert/strict";
import { test } from "node:test";
import { remember, rememberAllowed } from "../../src/domain/memory.ts";
import { parseSigner, type Sha256, type Signer } from "../../src/domain/names.ts";
import { label } from "./history.ts";

const signer = (letter: string): Signer =>
  parseSigner(`ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(43)}`) ?? assert.fail();
const newest = (at: string) => ({ label: label(at), ts: "", manifestSha256: "ab".repeat(32) as Sha256 });

test("an older manifest is remembered only where the user has let it through; the first signer stays", () => {
  const seen = { signer: signer("a"), newest: newest("2026-03") };
  const now = { signer: signer("a"), newest: newest("2026-02") };
  assert.deepEqual(remember(seen, now), seen);
  assert.deepEqual(rememberAllowed(seen, now), now);
  assert.deepEqual(rememberAllowed(seen, { ...now, signer: signer("b") }), now);
  assert.deepEqual(rememberAllowed({ signer: null, newest: null }, now), now);
});
