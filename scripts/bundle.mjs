// How src/cli/main.ts becomes one program, in whichever form; writes nothing. Runs on Node 18, as build.mjs does.

import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

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

const common = {
  absWorkingDir: ROOT,
  entryPoints: { devbackup: "src/cli/main.ts" },
  outdir: "dist",
  bundle: true,
  platform: "node",
  mainFields: ["module", "main"],
  // ssh2 tries these two and does without them
  external: ["*.node", "cpu-features"],
  logLevel: "warning",
  metafile: true,
  write: false,
};

/** As modules: what is imported dynamically stays a file of its own, loaded on first use. */
export const asModules = () =>
  build({
    ...common,
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunks/[name]-[hash]",
    splitting: true,
    format: "esm",
    target: "node22.12",
    plugins: [namedExports("ssh2"), compiledSchema, rescueScripts],
    sourcemap: true,
    sourcesContent: false,
    define: {
      DEVBACKUP_VERSION: JSON.stringify(version),
      // bundled CommonJS asks for these, and calls require() for Node's own modules
      __dirname: "import.meta.dirname",
      __filename: "import.meta.filename",
    },
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
    },
  });

/** As the one CommonJS file that a single executable runs; its folder is then the executable's. */
export const asOneFile = () =>
  build({
    ...common,
    format: "cjs",
    target: "node24",
    plugins: [compiledSchema, rescueScripts],
    // there import() finds nothing, and what would be imported is in this file, or is Node's own
    supported: { "dynamic-import": false },
    define: { DEVBACKUP_VERSION: JSON.stringify(version), "import.meta.dirname": "__dirname" },
  });
