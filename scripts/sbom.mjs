// node scripts/sbom.mjs: writes dist/devbackup.cdx.json, the bill of materials of a release (CycloneDX), and
// dist/licences.txt, the licence of each package in it. What it lists is the production tree of package-lock.json.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Path in node_modules, name, version and licence of every package that the program is made of. */
export function productionTree() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return Object.entries(packages)
    .filter(
      ([path, { dev, devOptional, link }]) => path.includes("node_modules/") && !dev && !devOptional && !link,
    )
    .map(([path, { version, license, integrity, hasInstallScript = false }]) => {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      return { path, name, version, licence: license ?? olderLicence(path), integrity, hasInstallScript };
    });
}

/** `licenses`, a list, as packages had it before there was `license`. */
function olderLicence(path) {
  const { license, licenses = [] } = JSON.parse(readFileSync(join(ROOT, path, "package.json"), "utf8"));
  return license ?? licenses.map(({ type }) => type).join(" OR ");
}

/** npm's own bill with `--omit dev` leaves out what a development tool needs as well (npm 11: tslib): so all, and a choice. */
export function billOfMaterials() {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const bill = JSON.parse(execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 << 20 }));
  const tree = new Map(productionTree().map((each) => [`${each.name}@${each.version}`, each]));
  const root = bill.metadata.component["bom-ref"];
  const isIn = (ref) => ref === root || tree.has(ref);
  return {
    ...bill,
    metadata: {
      ...bill.metadata,
      component: { ...bill.metadata.component, name: "devbackup", type: "application" },
    },
    components: bill.components
      .filter((component) => tree.has(component["bom-ref"]))
      .map(({ licenses, ...component }) => ({
        ...component,
        licenses: licenses ?? [{ license: { id: tree.get(component["bom-ref"]).licence } }],
      })),
    dependencies: bill.dependencies
      .filter(({ ref }) => isIn(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(isIn) })),
  };
}

function licenceTexts() {
  const texts = productionTree().map(({ path, name, version, licence }) => {
    const file = readdirSync(join(ROOT, path)).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? "" : readFileSync(join(ROOT, path, file), "utf8").trim();
    return `${name} ${version}: ${licence}\n\n${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(ROOT, "dist/devbackup.cdx.json"), `${JSON.stringify(billOfMaterials(), null, 2)}\n`);
  writeFileSync(join(ROOT, "dist/licences.txt"), licenceTexts());
}
