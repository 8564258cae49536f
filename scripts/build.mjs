// Bundles src/cli/main.ts into dist/. What is imported dynamically stays a file of its own, loaded on first use.
// Runs on Node 18, because `npm ci` runs it with whatever the machine has. `--clean` empties dist/ before.

import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = join(ROOT, "dist");
const DAY_MS = 24 * 60 * 60 * 1000;

const { build } = await import("esbuild").catch(async () => {
  const built = await stat(join(DIST, "devbackup.mjs")).catch(() => undefined);
  console.error(
    built
      ? "build: esbuild is not installed; dist/ stays as it is"
      : "build: esbuild is not installed and nothing was built; run npm ci with development dependencies",
  );
  process.exit(0);
});

/**
 * With splitting, esbuild gives `await import("a CommonJS package")` a default export alone; Node gives it the
 * names too. So that both read the same, the names are spelled out.
 */
function namedExports(name) {
  return {
    name: "named-exports",
    setup(hooks) {
      hooks.onResolve({ filter: new RegExp(`^${name}$`) }, ({ kind, path }) =>
        kind === "dynamic-import" ? { path, namespace: "named-exports" } : undefined,
      );
      hooks.onLoad({ filter: /.*/, namespace: "named-exports" }, ({ path }) => ({
        contents: `export { default, ${Object.keys(createRequire(import.meta.url)(path))} } from "${path}";`,
        resolveDir: ROOT,
      }));
    },
  };
}

/** Puts the compiled schema in the place of what compiles it: half of the time that `validate` takes. */
const compiledSchema = {
  name: "compiled-schema",
  setup(hooks) {
    hooks.onLoad({ filter: /src\/desired-state\/validator\.ts$/ }, async ({ path }) => {
      const { outputFiles } = await build({
        entryPoints: [path],
        bundle: true,
        format: "cjs",
        platform: "node",
        external: ["ajv"],
        write: false,
      });
      const require = createRequire(import.meta.url);
      const compiler = { exports: {} };
      new Function("module", "require", outputFiles[0].text)(compiler, require);
      const { ajv, validate } = compiler.exports.compileSchema({ source: true });
      const code = require("ajv/dist/standalone").default(ajv, validate);
      return { contents: `${code}\nexport const validator = () => validate;`, resolveDir: ROOT };
    });
  },
};

/** Puts the rescue kit's scripts in the place of what reads them from rescue/. */
const rescueScripts = {
  name: "rescue-scripts",
  setup(hooks) {
    hooks.onLoad({ filter: /src\/rescue\/scripts\.ts$/ }, async () => {
      const folder = join(ROOT, "rescue");
      const names = (await readdir(folder)).filter((name) => name.endsWith(".sh")).sort();
      const scripts = names.map(async (name) => [name, await readFile(join(folder, name), "utf8")]);
      const entries = JSON.stringify(await Promise.all(scripts));
      return {
        contents: `const scripts = new Map(${entries});\nexport const rescueScripts = () => scripts;`,
      };
    });
  },
};

const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8"));

const result = await build({
  absWorkingDir: ROOT,
  entryPoints: { devbackup: "src/cli/main.ts" },
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.12",
  mainFields: ["module", "main"],
  plugins: [namedExports("ssh2"), compiledSchema, rescueScripts],
  sourcemap: true,
  sourcesContent: false,
  // ssh2 tries these two and does without them
  external: ["*.node", "cpu-features"],
  define: {
    DEVBACKUP_VERSION: JSON.stringify(version),
    // bundled CommonJS asks for these, and calls require() for Node's own modules
    __dirname: "import.meta.dirname",
    __filename: "import.meta.filename",
  },
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  logLevel: "warning",
  write: false,
});

if (process.argv.includes("--clean")) await rm(DIST, { recursive: true, force: true });
await mkdir(join(DIST, "chunks"), { recursive: true });

// the entry last, and each file whole: a program that starts meanwhile finds either build complete
const entryLast = (a, b) =>
  Number(a.path.includes("devbackup.mjs")) - Number(b.path.includes("devbackup.mjs"));
for (const { path, contents } of result.outputFiles.sort(entryLast)) {
  await writeFile(`${path}.${process.pid}`, contents);
  await rename(`${path}.${process.pid}`, path);
}

// a run under way may still load its chunks: an earlier build's go after a day
const current = new Set(result.outputFiles.map((file) => file.path));
for (const name of await readdir(join(DIST, "chunks"))) {
  const path = join(DIST, "chunks", name);
  if (current.has(path)) continue;
  // another build may just have renamed or removed it
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
  if (Date.now() - mtimeMs > DAY_MS) await rm(path, { force: true });
}
