// node scripts/handed-out.mjs: what a package holds besides dist/, a path a line; ends with 1 where git does not track all
// of it. `npm pack` asks it first (prepack), a release too. Runs on Node 18, as build.mjs does.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/**
 * What package.json's `files` says, but for dist/, which is built. Throws where one of these, or a script that is built
 * in from rescue/, is not git's: notes, or a secret that lies in a folder of the clone, are nobody else's.
 */
export function handedOut() {
  const tracked = new Set(git("ls-files", "-z").split("\0"));
  const paths = packed().filter((path) => !path.startsWith("dist/"));
  const rescue = readdirSync(join(ROOT, "rescue"))
    .filter((name) => name.endsWith(".sh"))
    .map((name) => `rescue/${name}`);
  const untracked = [...paths, ...rescue].filter((path) => !tracked.has(path));
  if (untracked.length > 0)
    throw new Error(
      `git does not track what would be handed out: ${untracked.map((path) => JSON.stringify(path)).join(", ")}
nothing was made; \`git add\` what belongs to a release, move away what does not, and run it again`,
    );
  return paths;
}

/** What git says of the clone; also where it is another user's, as under sudo or in a container: its scripts run here anyway. */
export const git = (...args) =>
  execFileSync("git", ["-c", "safe.directory=*", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });

function packed() {
  const args = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const said = execFileSync("npm", args, {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(said)[0].files.map(({ path }) => path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${handedOut().join("\n")}\n`);
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
