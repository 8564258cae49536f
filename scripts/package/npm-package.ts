import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
// @ts-expect-error: plain JavaScript, since `npm pack` runs it with whatever Node there is
import { handedOut } from "../handed-out.mjs";
import { copyInto, ROOT, sourceDate } from "./sources.ts";

/** What `npm pack` makes, without what is for a clone alone, and built apart from dist/, which something may be running from; gives the folder that was packed. */
export function makeNpmPackage(to: string, work: string): string {
  const folder = join(work, "package");
  copyInto(folder, handedOut());
  const manifest = join(folder, "package.json");
  // what only a clone is built and tested with; npm warns whoever installs a package that has a script to prepare it
  const { scripts: _, devDependencies: __, ...installed } = JSON.parse(readFileSync(manifest, "utf8"));
  writeFileSync(manifest, `${JSON.stringify(installed, null, 2)}\n`);
  const dist = join(folder, "dist");
  mkdirSync(dist);
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(sourceDate()) };
  for (const script of [
    ["build.mjs", "--into", dist],
    ["sbom.mjs", dist],
  ] as const) {
    const [name, ...args] = script;
    execFileSync(process.execPath, [join(ROOT, "scripts", name), ...args], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", to], {
    cwd: folder,
    stdio: "pipe",
  });
  return folder;
}
