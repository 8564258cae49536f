import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Arch, ROOT } from "./sources.ts";

interface Locked {
  readonly version: string;
  readonly integrity: string;
}

/** Of the lock file, which names the same version for every processor. */
export function lockedNode(arch: Arch): Locked {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  return packages[`node_modules/node-linux-${arch}`];
}

/** Where the folder of its npm package lies: here for this machine's processor, else fetched into `folder` and checked. */
export function nodePackage(arch: Arch, folder: string): string {
  const installed = join(ROOT, "node_modules", `node-linux-${arch}`);
  if (existsSync(installed)) return installed;
  const { version, integrity } = lockedNode(arch);
  mkdirSync(folder, { recursive: true });
  const args = ["pack", `node-linux-${arch}@${version}`, "--silent", "--pack-destination", folder];
  const archive = join(folder, execFileSync("npm", args, { cwd: ROOT, encoding: "utf8" }).trim());
  const is = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (is !== integrity) throw new Error(`${archive} is ${is}, and package-lock.json says ${integrity}`);
  execFileSync("tar", ["-xzf", archive, "-C", folder]);
  return join(folder, "package");
}
