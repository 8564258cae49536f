import { cpSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
// @ts-expect-error: plain JavaScript, since `npm pack` runs it with whatever Node there is
import { git } from "../handed-out.mjs";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Of package.json: `author` is `NAME`, or `NAME <ADDRESS>`. */
export const { version: VERSION, author: AUTHOR } = JSON.parse(
  readFileSync(join(ROOT, "package.json"), "utf8"),
) as { readonly version: string; readonly author: string };

/** Processors that Node is to be had for from the registry, and what Debian calls them. */
export const DEBIAN_ARCHITECTURES = { x64: "amd64", arm64: "arm64" } as const;
export type Arch = keyof typeof DEBIAN_ARCHITECTURES;

export const isArch = (word: string): word is Arch => Object.hasOwn(DEBIAN_ARCHITECTURES, word);

/** Of the newest change, in seconds; so that the same sources give the same bytes (reproducible-builds.org/specs/source-date-epoch). */
export const sourceDate = (): number => {
  date ??= dateOfSources();
  return date;
};
let date: number | undefined;

function dateOfSources(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  try {
    return Number(git("log", "-1", "--format=%ct"));
  } catch {
    return Math.floor(statSync(join(ROOT, "CHANGELOG.md")).mtimeMs / 1000);
  }
}

/** Of what is handed out what people read; it lies there as it lies here, so that its links lead somewhere. */
export const isDocument = (path: string): boolean =>
  /^(docs|examples|desired-state)\//.test(path) || /^[A-Z]+\.md$/.test(path);

export function copyInto(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    cpSync(join(ROOT, path), join(folder, path), { preserveTimestamps: true });
  }
}
