import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { isSea } from "node:sea";
import { pipeline } from "node:stream/promises";
import type { Sha256 } from "../domain/names.ts";
import { NODE, STARTER } from "../reconcilers/schedule/program.ts";
import type { ProgramFile } from "../reconcilers/schedule/wanted.ts";

declare const DEVBACKUP_VERSION: string;

const ENTRY = "devbackup.mjs";

/** This very program, under a name that its contents make; null where it was not built. */
export async function ownProgram(): Promise<{
  readonly name: string;
  readonly files: readonly ProgramFile[];
} | null> {
  const parts = isSea() ? [{ path: STARTER, here: process.execPath }] : await bundleAndNode();
  if (parts === null) return null;
  const files = await Promise.all(
    parts.map(async (part) => ({ ...part, sha256: await sha256OfFile(part.here) })),
  );
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const contents = createHash("sha256");
  for (const { path, sha256 } of files) contents.update(`${sha256}  ${path}\n`);
  return { name: `${DEVBACKUP_VERSION}-${contents.digest("hex").slice(0, 12)}`, files };
}

/** What the build has made, and the Node that runs it. */
async function bundleAndNode(): Promise<readonly Omit<ProgramFile, "sha256">[] | null> {
  const root = await rootOf(import.meta.dirname);
  if (root === null) return null;
  return [
    ...(await reachedFrom(root)).map((here) => ({ path: relative(root, here), here })),
    { path: STARTER, here: join(root, STARTER) },
    { path: NODE, here: process.execPath },
  ];
}

/** The entry lies beside the folder of what it loads later, and this may be either's code. */
async function rootOf(folder: string): Promise<string | null> {
  for (const root of [folder, dirname(folder)])
    if (
      await access(join(root, ENTRY)).then(
        () => true,
        () => false,
      )
    )
      return root;
  return null;
}

/** An earlier build's files may lie beside: what belongs to this one is what its entry leads to. */
async function reachedFrom(root: string): Promise<readonly string[]> {
  const found = new Set([join(root, ENTRY)]);
  // a set gives what is added while it is walked, too
  for (const file of found)
    for (const [, specifier = ""] of (await readFile(file, "utf8")).matchAll(IMPORT))
      found.add(join(dirname(file), specifier));
  return [...found];
}

/** As esbuild writes them: `from "./x.mjs"`, `import "./x.mjs"`, `import("./x.mjs")`. */
const IMPORT = /\b(?:from|import) ?\(?"(\.\.?\/[^"\n]+\.mjs)"/g;

async function sha256OfFile(path: string): Promise<Sha256> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex") as Sha256;
}
