import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { build } from "esbuild";
// @ts-expect-error: plain JavaScript, since a release makes it without anything compiled
import { verdictOf } from "../../scripts/audit.mjs";
// @ts-expect-error: as above
import * as sbom from "../../scripts/sbom.mjs";

const ROOT = join(import.meta.dirname, "../..");

interface Package {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly integrity: string | undefined;
  readonly hasInstallScript: boolean;
}
const tree: readonly Package[] = sbom.productionTree();

/** Both would compile native code that makes SSH quicker. The program is bundled without native code, and never loads it. */
const INSTALL_SCRIPTS_WITHOUT_USE = ["cpu-features", "ssh2"];
const LICENCES = ["0BSD", "Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "Unlicense"];

describe("what the program is made of", () => {
  test("no package runs a script when it is installed, but for two whose result the program does not use", async () => {
    assert.deepEqual(
      tree.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name),
      INSTALL_SCRIPTS_WITHOUT_USE,
    );
    const { inputs } = await bundled();
    assert.deepEqual(
      Object.keys(inputs).filter(
        (path) => path.endsWith(".node") || path.includes("node_modules/cpu-features/"),
      ),
      [],
    );
  });

  test("every package is what the lock file says, byte for byte, and comes from the registry", () => {
    assert.deepEqual(
      tree.filter(({ integrity }) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "")),
      [],
    );
    const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
    assert.deepEqual(lock.match(/"resolved": "(?!tools\/)[^"]*"/g), null);
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    for (const range of Object.values(dependencies)) assert.match(String(range), /^\^\d/);
  });

  test("every licence lets it be handed on", () => {
    assert.deepEqual(
      tree.filter(({ licence }) => !LICENCES.includes(licence)),
      [],
    );
  });

  test("the bill of materials lists the production tree, and with it all that is bundled", async () => {
    const { components } = sbom.billOfMaterials() as {
      components: { "bom-ref": string; hashes: unknown[] }[];
    };
    const listed = components.map((component) => component["bom-ref"]).sort();
    // one that lies in several places is listed once
    const wanted = new Set(tree.map(({ name, version }) => `${name}@${version}`));
    assert.deepEqual(listed, [...wanted].sort());
    for (const { hashes } of components) assert.equal(hashes.length, 1);
    const { inputs } = await bundled();
    const used = new Set(
      Object.keys(inputs).flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
    );
    assert.ok(used.size > 10, [...used].join(" "));
    const names = new Set(tree.map(({ name }) => name));
    assert.deepEqual(
      [...used].filter((name) => !names.has(name)),
      [],
    );
  });
});

test("an audit that finds something, one that finds nothing, and one that nobody answered are told apart", () => {
  const report = (vulnerabilities: object) => JSON.stringify({ auditReportVersion: 2, vulnerabilities });
  assert.deepEqual(verdictOf(report({})), { kind: "clean" });
  assert.deepEqual(verdictOf(report({ a: { name: "a", severity: "low", range: "<2" } })), {
    kind: "vulnerable",
    names: ["a <2: low"],
  });
  const refused = JSON.stringify({
    message: "405 Method Not Allowed",
    statusCode: 405,
    error: { summary: "" },
  });
  assert.deepEqual(verdictOf(refused), { kind: "no-answer", why: "405 Method Not Allowed" });
  assert.equal(verdictOf("").kind, "no-answer");
  assert.equal(verdictOf("<html>").kind, "no-answer");
});

/** What scripts/build.mjs puts together, by where it comes from. */
async function bundled() {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ["src/cli/main.ts"],
    bundle: true,
    splitting: true,
    outdir: "out",
    format: "esm",
    platform: "node",
    mainFields: ["module", "main"],
    external: ["*.node", "cpu-features"],
    write: false,
    metafile: true,
    logLevel: "error",
  });
  return metafile;
}
