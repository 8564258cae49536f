import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
// @ts-expect-error: plain JavaScript, since `npm ci` runs it with whatever Node there is
import { asOneFile } from "../bundle.mjs";
import { nodePackage } from "./node-binary.ts";
import { type Arch, ROOT } from "./sources.ts";

/** Where Node looks for it, and what says that it is there (nodejs.org/api/single-executable-applications.html). */
const SECTION = "NODE_SEA_BLOB";
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** The compiled code that goes in hangs on it: fixed, the same sources give the same bytes. V8 takes them whatever its own is. */
const SEED = "--random-seed=1";

/** Makes the program and its Node one file, which needs neither on the machine that it runs on; `work` is for what lies between. */
export async function makeExecutable(arch: Arch, to: string, work: string): Promise<void> {
  mkdirSync(work, { recursive: true });
  const { outputFiles } = await asOneFile();
  writeFileSync(join(work, "devbackup.cjs"), outputFiles[0].contents);
  writeFileSync(
    join(work, "sea.json"),
    JSON.stringify({
      main: "devbackup.cjs",
      output: "blob",
      disableExperimentalSEAWarning: true,
      // of this processor alone: another's could not be made here
      useCodeCache: arch === process.arch,
    }),
  );
  const { NODE_OPTIONS: _, ...env } = process.env;
  // by a relative path, since it stands in the blob
  const node = join(nodePackage(process.arch as Arch, work), "bin/node");
  execFileSync(node, [SEED, "--experimental-sea-config", "sea.json"], { cwd: work, env, stdio: "pipe" });
  copyFileSync(join(nodePackage(arch, join(work, arch)), "bin/node"), to);
  chmodSync(to, 0o755);
  const postject = join(ROOT, "node_modules/.bin/postject");
  execFileSync(node, [postject, to, SECTION, join(work, "blob"), "--sentinel-fuse", FUSE], {
    env,
    stdio: "pipe",
  });
}
