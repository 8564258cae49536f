import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { renderManifest } from "../../src/domain/manifest.ts";
import { register } from "../../src/reconcilers/manifest/register.ts";
import { manifestProbe, stateEnvProbe } from "../../src/reconcilers/manifest/store.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { history } from "../domain/history.ts";
import { makeServer } from "./server.ts";
import { signed } from "./signed.ts";

const MANIFEST = "manifests/snapshots_v2.tsv";
const ROWS = history("2026-01 full 100, 2026-02 incr 10");
const TEXT = renderManifest(ROWS);
/** What Btrfs answers where a block's checksum is wrong. */
const EIO = `cat() {
  case "$*" in
    *snapshots_v2.tsv) echo "cat: snapshots_v2.tsv: Input/output error" >&2; return 1 ;;
    *) command cat "$@" ;;
  esac
}`;

describe("a manifest that can't be read is found, and what takes its place leaves it beside", () => {
  for (const [name, damaged, before] of [
    ["of no length", ""],
    ["cut off", TEXT.slice(0, -20)],
    ["with CR LF", TEXT.replaceAll("\n", "\r\n")],
    ["of zeros", "\0".repeat(TEXT.length)],
    ["that the disk does not give", TEXT, EIO],
    ["gone", null],
  ] as readonly [string, string | null, string?][])
    test(name, async (context) => {
      const made = makeServer(context);
      await signed(made);
      const write = { dataset: made.spec, rows: ROWS, row: null };
      await made.run(register, { ...write, onSha256: null });
      if (damaged === null) rmSync(made.path(MANIFEST));
      else writeFileSync(made.path(MANIFEST), damaged);

      const server = before === undefined ? made : made.with({ before });
      const found = server.look(manifestProbe(server.spec));
      const facts = found.kind === "known" ? found.value : null;
      assert.equal(facts?.reading.kind, damaged === null ? undefined : "damaged");
      if (before !== undefined && facts?.reading.kind === "damaged")
        assert.match(facts.reading.why, /can't be read to its end: cat: .*Input\/output error/);

      const onSha256 = facts?.sha256 ?? null;
      await server.run(register, { ...write, onSha256, putBack: true, keepAs: "20260601T000000Z" });
      assert.equal(readFileSync(made.path(MANIFEST), "utf8"), TEXT);
      const after = made.look(manifestProbe(made.spec));
      assert.deepEqual(after.kind === "known" && [after.value.signature, after.value.sha256], [
        "good",
        sha256Of(TEXT),
      ]);
      assert.equal(made.look(stateEnvProbe(made.spec)).kind, "known");
      const kept = made.path(`${MANIFEST}.before-20260601T000000Z`);
      if (damaged === null) assert.ok(!existsSync(kept));
      else assert.equal(readFileSync(kept, "utf8"), damaged);
    });
});

test("put back from the bucket: until its signature is noted as the one there, the write counts as cut off", async (context) => {
  const made = makeServer(context);
  await signed(made);
  const write = { dataset: made.spec, rows: ROWS, row: null };
  await made.run(register, { ...write, onSha256: null });
  rmSync(made.path(MANIFEST));
  const cut = made.with({
    before: `mv() { case "$*" in *pushed.sig) exit 1 ;; *) command mv "$@" ;; esac; }`,
  });
  await assert.rejects(cut.run(register, { ...write, onSha256: null, putBack: true }));
  assert.equal(readFileSync(made.path(MANIFEST), "utf8"), TEXT);
  assert.equal(made.look(stateEnvProbe(made.spec)).kind, "absent");
  await made.run(register, { ...write, onSha256: sha256Of(TEXT), putBack: true });
  assert.equal(made.look(stateEnvProbe(made.spec)).kind, "known");
  assert.deepEqual(
    readFileSync(made.path("manifests/pushed.sig")),
    readFileSync(made.path(`${MANIFEST}.sig`)),
  );
});
