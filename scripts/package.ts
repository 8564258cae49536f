/**
 * `npm run package [-- --arch x64,arm64] [--out FOLDER]`: everything that a release hands out, into out/: the npm package,
 * and for each processor the executable and the Debian package; the bill of materials, and the digests of all of them.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makeDebianPackage } from "./package/debian.ts";
import { makeExecutable } from "./package/executable.ts";
import { makeNpmPackage } from "./package/npm-package.ts";
import { DEBIAN_ARCHITECTURES, isArch, ROOT, VERSION } from "./package/sources.ts";

const { values } = parseArgs({
  options: {
    arch: { type: "string", default: "x64,arm64" },
    out: { type: "string", default: join(ROOT, "out") },
  },
});
const architectures = values.arch.split(",");
const out = resolve(values.out);
const work = mkdtempSync(join(tmpdir(), "devbackup-package-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const packed = makeNpmPackage(out, join(work, "npm"));
copyFileSync(join(packed, "dist/devbackup.cdx.json"), join(out, `devbackup-${VERSION}.cdx.json`));
for (const arch of architectures) {
  if (!isArch(arch)) throw new Error(`--arch ${arch}: ${Object.keys(DEBIAN_ARCHITECTURES).join(" or ")}`);
  const executable = join(out, `devbackup-${VERSION}-linux-${arch}`);
  await makeExecutable(arch, executable, join(work, "executable", arch));
  makeDebianPackage({
    executable,
    arch,
    licences: readFileSync(join(packed, "dist/licences.txt"), "utf8"),
    manPage: readFileSync(join(packed, "dist/devbackup.1"), "utf8"),
    to: join(out, `devbackup_${VERSION.replace("-", "~")}_${DEBIAN_ARCHITECTURES[arch]}.deb`),
    work: join(work, "debian", arch),
  });
}
const made = readdirSync(out).sort();
const digests = made.map((name) => {
  const sha256 = createHash("sha256")
    .update(readFileSync(join(out, name)))
    .digest("hex");
  return `${sha256}  ${name}\n`;
});
writeFileSync(join(out, "SHA256SUMS"), digests.join(""));
process.stdout.write(`${out}:\n${digests.map((line) => line.slice(66)).join("")}`);
