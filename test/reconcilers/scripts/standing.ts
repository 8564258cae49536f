import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { DatasetSpec, DesiredState } from "../../../src/desired-state/desired-state.ts";
import { artifactFile } from "../../../src/domain/artifact.ts";
import type { Label } from "../../../src/domain/label.ts";
import { type AbsolutePath, type DatasetName, fileName, type HostName } from "../../../src/domain/names.ts";
import { identityFile } from "../../../src/reconcilers/keys/key-files.ts";
import { signKeyFile } from "../../../src/reconcilers/keys/signature.ts";
import { repositoryFolders } from "../../../src/reconcilers/machine/folders.ts";
import { OWN_FOLDER } from "../../../src/reconcilers/machine/own-folder.ts";
import { wantedScripts } from "../../../src/reconcilers/scripts/wanted.ts";
import { shell } from "../../lab/small-disk.ts";
import { streamOf } from "../../lab/stream.ts";
import { desired } from "../world.ts";

/** The machine's own sh and awk, or busybox's. */
export type Tools = "dash" | "busybox";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly bytes: Buffer;
  readonly stderr: string;
}

/** Scripts as apply installs them, on a repository that is set up and empty, in a folder of this machine. */
export interface Standing {
  readonly spec: DatasetSpec;
  /** Of the repository. */
  readonly path: (...inside: string[]) => string;
  readonly run: (script: string, args?: readonly string[], how?: How) => Ran;
  /** An artifact outside the repository, of a stream that `btrfs send` could have made. */
  readonly artifact: (label: string, parent?: string, how?: { as?: string; stream?: Buffer }) => string;
}

export interface How {
  /** Stands first in the PATH: programs by name, as scripts. */
  readonly programs?: Readonly<Record<string, string>>;
  /** The machine has all of /usr/bin but this tool. */
  readonly without?: string;
  /** In a session of its own: a kill of its process group ends all that it has started, and no more. */
  readonly apart?: boolean;
  /** Nobody's: not root's. What stands there has to be open for that. */
  readonly nobodys?: boolean;
}

export const ls = "ls" as HostName;
export const ws = "ws" as HostName;

export function declaring(spec: Partial<DatasetSpec> = {}): DesiredState {
  const all = desired();
  return { ...all, scripts: true, datasets: all.datasets.map((each) => ({ ...each, ...spec })) };
}

/** What a snapshot's stream holds. */
export const streamFor = (label: string, parent?: string): Buffer =>
  streamOf([parent === undefined ? "subvol" : "snapshot", `dev@${label}`], ["mkfile", `only-in-${label}`]);

/** `beside`: another dataset of the same server, of which nothing is backed up yet. */
export function standing(
  context: TestContext,
  tools: Tools = "dash",
  { beside, spec: more = {} }: { beside?: DatasetName; spec?: Partial<DatasetSpec> } = {},
): Standing {
  const folder = mkdtempSync("/tmp/scripts-");
  context.after(() => rmSync(folder, { recursive: true }));
  const repository = join(folder, "it's a repository") as AbsolutePath;
  const all = declaring({ ...more, repository });
  const [spec] = all.datasets;
  if (spec === undefined) throw new RangeError("no dataset");
  const also =
    beside === undefined ? [] : [{ ...spec, name: beside, repository: join(folder, beside) as AbsolutePath }];
  for (const each of [spec, ...also])
    for (const { path } of repositoryFolders(each)) mkdirSync(path, { recursive: true });
  shell('age-keygen -o "$1" 2>"$2"', identityFile(spec), join(folder, "recipient"));
  shell('ssh-keygen -q -t ed25519 -N "" -f "$1"', signKeyFile(spec));
  const recipient = readFileSync(join(folder, "recipient"), "utf8")
    .replace(/^Public key: /, "")
    .trim();
  const scripts = join(folder, "scripts");
  mkdirSync(scripts);
  for (const host of [ls, ws])
    for (const { path, content } of wantedScripts({ ...all, datasets: [spec, ...also] }, host))
      writeFileSync(join(scripts, fileName(path)), content.replaceAll(OWN_FOLDER, scripts), { mode: 0o755 });
  return {
    spec,
    path: (...inside) => join(repository, ...inside),
    run: (script, args = [], { programs = {}, without, apart = false, nobodys = false } = {}) => {
      const bin = mkdtempSync(join(folder, "bin-"));
      if (without !== undefined)
        for (const name of readdirSync("/usr/bin"))
          if (name !== without) symlinkSync(join("/usr/bin", name), join(bin, name));
      for (const [name, text] of Object.entries(programs)) {
        writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
        chmodSync(join(bin, name), 0o755);
      }
      if (tools === "busybox") symlinkSync("/bin/busybox", join(bin, "awk"));
      const { status, stdout, stderr } = spawnSync(
        apart ? "setsid" : "env",
        [
          ...(apart ? ["--wait"] : []),
          ...(nobodys ? ["setpriv", "--reuid", "nobody", "--clear-groups"] : []),
          ...(tools === "busybox" ? ["busybox", "sh"] : ["dash"]),
          join(scripts, script),
          ...args,
        ],
        {
          cwd: folder,
          env: { ...process.env, PATH: without === undefined ? `${bin}:${process.env.PATH}` : bin },
        },
      );
      return { code: status, stdout: String(stdout), bytes: stdout, stderr: String(stderr) };
    },
    artifact: (label, parent, { as, stream = streamFor(label, parent) } = {}) => {
      const ref = { dataset: spec.name, label: label as Label, parent: (parent ?? null) as Label | null };
      const file = join(folder, as ?? artifactFile(ref));
      writeFileSync(join(folder, "stream"), stream);
      shell('zstd -q -c "$1" | age -r "$2" >"$3"', join(folder, "stream"), recipient, file);
      return file;
    },
  };
}
