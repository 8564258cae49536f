// Builds the program into dist/, or the folder after `--into`. Runs on Node 18, because `npm ci` runs it with whatever
// the machine has. `--clean` empties the folder before.

import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const DAY_MS = 24 * 60 * 60 * 1000;
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const asked = process.argv.indexOf("--into");
const into = asked < 0 ? DIST : resolve(process.argv[asked + 1]);

/**
 * What a schedule's unit runs, where program and Node lie beside each other, also by a link to it; in dist/, where no Node
 * lies, it is what bin/devbackup is.
 */
const STARTER = `#!/bin/sh
self=$(readlink -f -- "$0") || exit 1
here=\${self%/*}
[ -x "$here/node" ] || exec "$here/../bin/devbackup" "$@"
exec "$here/node" "$here/devbackup.mjs" "$@"
`;

const { asModules } = await import("./bundle.mjs").catch(async (error) => {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  const built = await stat(join(into, "devbackup.mjs")).catch(() => undefined);
  console.error(
    built
      ? "build: esbuild is not installed; dist/ stays as it is"
      : "build: esbuild is not installed and nothing was built; run npm ci with development dependencies",
  );
  process.exit(0);
});

const result = await asModules();
const files = new Map(
  result.outputFiles.map(({ path, contents }) => [join(into, relative(DIST, path)), contents]),
);
const starter = join(into, "devbackup");
files.set(starter, STARTER);

if (process.argv.includes("--clean")) await rm(into, { recursive: true, force: true });
await mkdir(join(into, "chunks"), { recursive: true });

// the entry last, and each file whole: a program that starts meanwhile finds either build complete
const entryLast = ([a], [b]) => Number(a.includes("devbackup.mjs")) - Number(b.includes("devbackup.mjs"));
for (const [path, contents] of [...files].sort(entryLast)) {
  await writeFile(`${path}.${process.pid}`, contents);
  if (path === starter) await chmod(`${path}.${process.pid}`, 0o755);
  await rename(`${path}.${process.pid}`, path);
}

// the man page comes out of the program; the Node that runs this may be too old for it
const page = [process.execPath, fileURLToPath(new URL("../node_modules/.bin/node", import.meta.url))]
  .map((node) => spawnSync(node, [join(into, "devbackup.mjs"), "__man"], { encoding: "utf8" }))
  .find(({ status }) => status === 0);
if (page === undefined)
  console.error("build: no Node here runs the program: dist/devbackup.1 was not written");
else {
  await writeFile(join(into, `devbackup.1.${process.pid}`), page.stdout);
  await rename(join(into, `devbackup.1.${process.pid}`), join(into, "devbackup.1"));
}

// a run under way may still load its chunks: an earlier build's go after a day
for (const name of await readdir(join(into, "chunks"))) {
  const path = join(into, "chunks", name);
  if (files.has(path)) continue;
  // another build may just have renamed or removed it
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  if (Date.now() - mtimeMs > DAY_MS) await rm(path, { force: true });
}
