// node scripts/sbom.mjs [FOLDER]: writes devbackup.cdx.json, the bill of materials of a release (CycloneDX), and
// licences.txt, the licence of each package in it, into FOLDER (dist/). What they list is what the program is bundled
// from, and the Node that comes with it. SOURCE_DATE_EPOCH is the bill's date.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { asModules, ROOT } from "./bundle.mjs";

/** npm has the binary for this machine alone, and each has the same licence. */
const NODE = `node-linux-${process.arch}`;

/** Path in node_modules, name, version and licence of every package that the program is made of. */
export const productionTree = () => {
  known ??= readTree();
  return known;
};
let known;

async function readTree() {
  const { metafile } = await asModules();
  const bundled = new Set(
    Object.keys(metafile.inputs).flatMap(
      (file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? [],
    ),
  );
  bundled.add(`node_modules/${NODE}`);
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return [...bundled].sort().map((path) => {
    const { version, license, integrity, hasInstallScript = false } = packages[path] ?? {};
    if (version === undefined) throw new Error(`${path} is bundled, and not in package-lock.json`);
    const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
    return { path, name, version, licence: license ?? olderLicence(path), integrity, hasInstallScript };
  });
}

/** `licenses`, a list, as packages had it before there was `license`. */
function olderLicence(path) {
  const { license, licenses = [] } = JSON.parse(readFileSync(join(ROOT, path, "package.json"), "utf8"));
  return license ?? licenses.map(({ type }) => type).join(" OR ");
}

/** npm's own bill of everything that is installed for development, and of that a choice. */
export async function billOfMaterials() {
  const args = ["sbom", "--sbom-format", "cyclonedx", "--package-lock-only"];
  const { serialNumber: _, ...bill } = JSON.parse(
    execFileSync("npm", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 << 20 }),
  );
  const tree = new Map((await productionTree()).map((each) => [`${each.name}@${each.version}`, each]));
  const root = bill.metadata.component["bom-ref"];
  const isIn = (ref) => ref === root || tree.has(ref);
  return {
    ...bill,
    metadata: {
      ...bill.metadata,
      timestamp: new Date(1000 * Number(process.env.SOURCE_DATE_EPOCH ?? 0)).toISOString(),
      component: { ...bill.metadata.component, name: "devbackup", type: "application" },
    },
    components: bill.components
      .filter((component) => tree.has(component["bom-ref"]))
      .map(({ licenses, properties = [], ...component }) => ({
        ...component,
        licenses: licenses ?? [{ license: { id: tree.get(component["bom-ref"]).licence } }],
        // to npm it is for development, since the program is handed out with it inside
        scope: component.name === NODE ? "optional" : "required",
        properties: properties.filter(({ name }) => name !== "cdx:npm:package:development"),
      })),
    dependencies: bill.dependencies
      .filter(({ ref }) => isIn(ref))
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(isIn) })),
  };
}

/** Each text once, behind the packages that come under it. */
export async function licenceTexts() {
  const tree = await productionTree();
  const texts = new Map();
  for (const each of tree) {
    const text = licenceText(each) ?? tree.filter(isApache).map(licenceText).find(Boolean);
    texts.set(text, [...(texts.get(text) ?? []), `${each.name} ${each.version}: ${each.licence}`]);
  }
  return [...texts]
    .map(([text, packages]) => `${packages.join("\n")}\n\n${text}\n`)
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** Apache's is the same for everybody; where a package leaves it out, another's will do. */
const isApache = ({ licence }) => licence === "Apache-2.0";

function licenceText(each) {
  const file = readdirSync(join(ROOT, each.path)).find((name) => /^licen[cs]e/i.test(name));
  if (file !== undefined) return readFileSync(join(ROOT, each.path, file), "utf8").trim();
  if (!isApache(each)) throw new Error(`${each.path} has no licence text to hand on`);
  return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = resolve(process.argv[2] ?? join(ROOT, "dist"));
  writeFileSync(join(folder, "devbackup.cdx.json"), `${JSON.stringify(await billOfMaterials(), null, 2)}\n`);
  writeFileSync(join(folder, "licences.txt"), await licenceTexts());
}
