/**
 * `npm run package [-- --arch x64,arm64] [--out FOLDER]`: everything that a release hands out, into out/: the npm package,
 * and for each processor the executable and the Debian package; the bill of materials, and the digests of all of them.
 * Of what is in FOLDER, an earlier release alone gives way.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { makeDebianPackage } from "./package/debian.ts";
import { makeExecutable } from "./package/executable.ts";
import { makeNpmPackage } from "./package/npm-package.ts";
import { outFolder } from "./package/out-folder.ts";
import { type Arch, DEBIAN_ARCHITECTURES, isArch, ROOT, VERSION } from "./package/sources.ts";

// what was made goes with the process: Node's own end by a signal would leave it
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      arch: { type: "string", default: "x64,arm64" },
      out: { type: "string", default: join(ROOT, "out") },
    },
  });
  const architectures = new Set(values.arch.split(",").map(known));
  const out = resolve(values.out);
  const { building, deliver, discard } = outFolder(out);
  process.on("exit", discard);
  const work = mkdtempSync(join(tmpdir(), "devbackup-package-"));
  process.on("exit", () => rmSync(work, { recursive: true, force: true }));

  const packed = makeNpmPackage(building, join(work, "npm"));
  copyFileSync(join(packed, "dist/devbackup.cdx.json"), join(building, `devbackup-${VERSION}.cdx.json`));
  for (const arch of architectures) {
    const executable = join(building, `devbackup-${VERSION}-linux-${arch}`);
    await makeExecutable(arch, executable, join(work, "executable", arch));
    makeDebianPackage({
      executable,
      arch,
      licences: readFileSync(join(packed, "dist/licences.txt"), "utf8"),
      manPage: readFileSync(join(packed, "dist/devbackup.1"), "utf8"),
      to: join(building, `devbackup_${VERSION.replace("-", "~")}_${DEBIAN_ARCHITECTURES[arch]}.deb`),
      work: join(work, "debian", arch),
    });
  }
  process.stdout.write(`${[`${out}:`, ...deliver()].join("\n")}\n`);
}

function known(arch: string): Arch {
  if (isArch(arch)) return arch;
  throw new Error(`--arch ${arch}: ${Object.keys(DEBIAN_ARCHITECTURES).join(" or ")}`);
}
