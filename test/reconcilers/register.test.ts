import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { Label } from "../../src/domain/label.ts";
import { parseManifest, renderManifest, renderStateEnv } from "../../src/domain/manifest.ts";
import type { DevbackupError } from "../../src/domain/trouble.ts";
import { register } from "../../src/reconcilers/manifest/register.ts";
import { stateEnvScript } from "../../src/reconcilers/manifest/state-env-script.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { DEV, history } from "../domain/history.ts";
import { edited, mutations } from "../fuzz/edits.ts";
import { makeServer, type Server } from "./server.ts";
import { signed } from "./signed.ts";

const rows = history("2026-01 full 100, 2026-02 incr 10");

/** Writes a manifest that is new, and gives what stands there then. */
async function write(server: Server): Promise<string> {
  await server.run(register, { dataset: server.spec, rows, onSha256: null, row: null });
  return readFileSync(server.path("manifests/snapshots_v2.tsv"), "utf8");
}

test("a manifest is written whole, or what stands there stays", async (context) => {
  const server = makeServer(context);
  await signed(server);
  for (const lost of [1, 100, 400])
    await assert.rejects(
      write(server.with({ arrives: (stdin) => stdin.slice(0, -lost) })),
      /could not be written/,
    );
  assert.throws(() => readFileSync(server.path("manifests/snapshots_v2.tsv")), /ENOENT/);
  assert.equal(await write(server), renderManifest(rows));
  writeFileSync(server.path("manifests/snapshots_v2.tsv"), "another's");
  await assert.rejects(write(server), /could not be written/);
});

test("what is no manifest is not written, whatever its sender says of it: shells read what is made of it", async (context) => {
  const server = makeServer(context);
  await signed(server);
  await write(server);
  const [first = assert.fail(), row = assert.fail()] = rows;
  const evil = { ...row, label: "$(id)" as Label, localPath: "$(id)" };
  await assert.rejects(
    server.run(register, {
      dataset: server.spec,
      rows: [first, evil],
      row: null,
      onSha256: sha256Of(renderManifest(rows)),
    }),
    (error: DevbackupError) => /is no manifest/.test(error.trouble.why ?? ""),
  );
  assert.equal(readFileSync(server.path("manifests/snapshots_v2.tsv"), "utf8"), renderManifest(rows));
  assert.equal(readFileSync(server.path("manifests/state.env"), "utf8"), renderStateEnv(DEV, rows));
});

/** What a shell of the server makes of manifests: the `state.env` of each, or null where it takes it for none. */
function stateEnvs(context: TestContext, awk: string, manifests: readonly Buffer[]): (string | null)[] {
  const folder = mkdtempSync("/tmp/state-env-");
  context.after(() => rmSync(folder, { recursive: true }));
  const files = manifests.map((bytes, index) => {
    const file = join(folder, String(index));
    writeFileSync(file, bytes);
    return file;
  });
  const script = `awk() { command ${awk} "$@"; }\n${stateEnvScript(DEV)}
for f; do state_env "$f" >"$f.env" 2>"$f.said" || rm "$f.env"; done`;
  spawnSync("sh", ["-c", script, "sh", ...files]);
  return files.map((file) => (existsSync(`${file}.env`) ? readFileSync(`${file}.env`, "utf8") : null));
}

const MANIFESTS = [
  history("2026-01 full 100, 2026-02 incr 10"),
  history("2024-02-29 full 0, 2024-03 full 9999999999999999"),
  history(
    "2019-12 full 7, 2019-12-29 full 7, 2020-W01 incr 7, 2020-01-01 full 7, 2020-W53 full 7, 2021-01-04 incr 7",
  ),
  [],
].map((rows) => renderManifest(rows.map((row, index) => (index === 1 ? { ...row, objectKey: null } : row))));

/** What a hand would try, as expression and what stands there instead. */
const EDITS: readonly [RegExp, string][] = [
  [/\n$/, ""],
  [/\n$/, "\0\n"],
  [/abab/g, "ab"],
  [/abab/, "ABAB"],
  [/incr\t2026-01/, "incr\t2025-12"],
  [/incr\t2026-01\t10\t(.*)from_2026-01/, "incr\t2025-12\t10\t$1from_2025-12"],
  [/full\t-/, "incr\t-"],
  [/\t10\t/, "\t10000000000000000\t"],
  [/\t10\t/, "\t010\t"],
  [/-\n/, "other/artifacts/x\n"],
  [/2026-01-01T/, "2026-01-32T"],
  [/-\n/, "-\t\n"],
  [/2026-02/g, "2026-01"],
  [/2026-01/g, "0026-01"],
  [/^[^\n]*\n/, ""],
  [/.*/s, ""],
];

/** Each period of a calendar, and some that it does not have. */
const PERIODS = [
  ...["2026-00", "2026-13", "2026-12", "2026-02-28", "2026-02-29", "2028-02-29", "2100-02-29"],
  ...[2020, 2021, 2026, 9999].flatMap((year) =>
    ["00", "01", "52", "53", "54"].map((week) => `${year}-W${week}`),
  ),
];

for (const awk of ["awk", "busybox awk"])
  test(`the server takes for a manifest what devbackup does, and state.env says the same: ${awk}`, (context) => {
    const texts = [
      ...MANIFESTS,
      ...PERIODS.map((at) => MANIFESTS[0]?.replaceAll("2026-02", at) ?? ""),
      ...EDITS.map(([from, to]) => MANIFESTS[0]?.replace(from, to) ?? ""),
      ...fc
        .sample(mutations(MANIFESTS.length), { numRuns: 150, seed: 20260301 })
        .map(({ of, edits }) => edited(MANIFESTS[of] ?? "", edits)),
    ];
    const manifests = texts.map((text) => Buffer.from(text));
    const expected = manifests.map((bytes) => {
      const reading = parseManifest(bytes.toString(), DEV);
      return reading.kind === "valid" ? renderStateEnv(DEV, reading.rows) : null;
    });
    assert.ok(expected.filter((text) => text !== null).length > 15, "of both kinds");
    for (const [index, found] of stateEnvs(context, awk, manifests).entries())
      assert.equal(found, expected[index], JSON.stringify(texts[index]));
  });
