import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
// @ts-expect-error: plain JavaScript, since a release makes it without anything compiled
import { verdictOf } from "../../scripts/audit.mjs";
// @ts-expect-error: as above
import { asModules } from "../../scripts/bundle.mjs";
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
const tree: readonly Package[] = await sbom.productionTree();

/** It would compile native code that makes SSH quicker. The program is bundled without native code, and never loads it. */
const INSTALL_SCRIPTS_WITHOUT_USE = ["ssh2"];
const LICENCES = ["0BSD", "Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "Unlicense"];

describe("what the program is made of", () => {
  test("no package runs a script when it is installed, but for one whose result the program does not use", async () => {
    assert.deepEqual(
      tree.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name),
      INSTALL_SCRIPTS_WITHOUT_USE,
    );
    const { metafile } = await asModules();
    const inputs = Object.keys(metafile.inputs);
    assert.ok(inputs.length > 100);
    assert.deepEqual(
      inputs.filter((path) => path.endsWith(".node") || path.includes("node_modules/cpu-features/")),
      [],
    );
  });

  test("every package is what the lock file says, byte for byte, and comes from the registry", () => {
    assert.deepEqual(
      tree.filter(({ integrity }) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? "")),
      [],
    );
    const lock = readFileSync(join(ROOT, "package-lock.json"), "utf8");
    assert.deepEqual(lock.match(/"resolved": "[^"]*"/g), null);
    const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    for (const range of Object.values(devDependencies)) assert.match(String(range), /^\^\d/);
  });

  test("every licence lets it be handed on", () => {
    assert.deepEqual(
      tree.filter(({ licence }) => !LICENCES.includes(licence)),
      [],
    );
  });

  test("the bill of materials lists what is bundled and the Node that comes along, each as the program's own", async () => {
    const { components } = (await sbom.billOfMaterials()) as {
      components: { "bom-ref": string; hashes: unknown[]; scope: string; properties: { name: string }[] }[];
    };
    const listed = components.map((component) => component["bom-ref"]).sort();
    // one that lies in several places is listed once
    const wanted = new Set(tree.map(({ name, version }) => `${name}@${version}`));
    assert.deepEqual(listed, [...wanted].sort());
    for (const name of ["ssh2", "yaml", "commander", "age-encryption", `node-linux-${process.arch}`])
      assert.ok(
        tree.some((each) => each.name === name),
        name,
      );
    assert.ok(!tree.some(({ name }) => ["esbuild", "tsx", "postject", "cpu-features"].includes(name)));
    for (const { hashes, properties } of components) {
      assert.equal(hashes.length, 1);
      assert.ok(!properties.some(({ name }) => name.endsWith(":development")));
    }
  });

  test("each package's licence goes out with the program, and each text once", async () => {
    const texts: string = await sbom.licenceTexts();
    for (const { name, version, licence } of tree)
      assert.ok(texts.includes(`${name} ${version}: ${licence}\n`), name);
    const each = texts.split(`\n${"-".repeat(80)}\n\n`).map((text) => text.slice(text.indexOf("\n\n")));
    assert.equal(new Set(each).size, each.length);
    for (const text of each) assert.match(text, /\S{3}/);
  });
});

test("an audit that finds something, one that finds nothing, and one that nobody answered are told apart", () => {
  const report = (vulnerabilities: object) => JSON.stringify({ auditReportVersion: 2, vulnerabilities });
  assert.deepEqual(verdictOf(report({}), ["a"]), { kind: "clean" });
  const low = report({ a: { name: "a", severity: "low", range: "<2" } });
  assert.deepEqual(verdictOf(low, ["a"]), { kind: "vulnerable", names: ["a <2: low"] });
  assert.deepEqual(verdictOf(low, ["b"]), { kind: "clean" }, "a tool that only development needs");
  const refused = JSON.stringify({
    message: "405 Method Not Allowed",
    statusCode: 405,
    error: { summary: "" },
  });
  assert.deepEqual(verdictOf(refused, []), { kind: "no-answer", why: "405 Method Not Allowed" });
  assert.equal(verdictOf("", []).kind, "no-answer");
  assert.equal(verdictOf("<html>", []).kind, "no-answer");
});
