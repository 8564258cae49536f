import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const VERSION: string = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version;

/** Processors that Node is to be had for from the registry, and what Debian calls them. */
export const DEBIAN_ARCHITECTURES = { x64: "amd64", arm64: "arm64" } as const;
export type Arch = keyof typeof DEBIAN_ARCHITECTURES;

export const isArch = (word: string): word is Arch => word in DEBIAN_ARCHITECTURES;

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
    return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: ROOT, encoding: "utf8" }));
  } catch {
    return Math.floor(statSync(join(ROOT, "CHANGELOG.md")).mtimeMs / 1000);
  }
}

/** What package.json's `files` says, but for what is built. */
export function handedOut(): readonly string[] {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const said = execFileSync("npm", args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [{ files }] = JSON.parse(said) as [{ files: { path: string }[] }];
  return files.map(({ path }) => path).filter((path) => !path.startsWith("dist/"));
}

/** Of these what people read; it lies there as it lies here, so that its links lead somewhere. */
export const isDocument = (path: string): boolean =>
  /^(docs|examples|desired-state)\//.test(path) || /^[A-Z]+\.md$/.test(path);

export function copyInto(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    cpSync(join(ROOT, path), join(folder, path), { preserveTimestamps: true });
  }
}
