import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import { storeProbe } from "../../src/reconcilers/manifest/store.ts";
import type { Probe } from "../../src/reconcilers/probe.ts";
import { workingCopyProbe } from "../../src/reconcilers/receive/working-copy-facts.ts";
import { sourceProbe } from "../../src/reconcilers/snapshot/source.ts";
import { PROBE_LIBRARY, subvolumeFolderProbe } from "../../src/reconcilers/snapshot/subvolumes.ts";
import { desired } from "./world.ts";

const [spec = assert.fail()] = desired().datasets;

/** Each command can be had, works on everything, and fails where `broken` says so. */
const stubs = (broken: string): string => `
btrfs() { case "$*" in ${broken}) echo 'input/output error' >&2; return 1;; esac; echo 'UUID: u-1'; }
stat() { case "$*" in *%i*) echo 256;; *%T*) echo btrfs;; *) command stat "$@";; esac; }
find() { case find in ${broken}) return 1;; esac; command find "$@"; }
`;

interface Row {
  readonly name: string;
  readonly probe: (folder: AbsolutePath) => Probe<unknown>;
  /** A pattern of sh: the subcommand of btrfs, or find. */
  readonly broken: string;
}

const at = (more: Partial<DatasetSpec>): DatasetSpec => ({ ...spec, ...more });
const folderProbe = (folder: AbsolutePath) => subvolumeFolderProbe(spec.server, folder, spec.name, null);
const rows: readonly Row[] = [
  { name: "the list of subvolumes", probe: folderProbe, broken: '"subvolume list -a"*' },
  { name: "the list of the read-only ones", probe: folderProbe, broken: '"subvolume list -r"*' },
  { name: "the entries of a folder", probe: folderProbe, broken: "find" },
  { name: "what lies inside the dataset", probe: (path) => sourceProbe(at({ path })), broken: '*"list -o"*' },
  { name: "the dataset's UUID", probe: (path) => sourceProbe(at({ path })), broken: '*"volume show"*' },
  {
    name: "the working copy's UUID",
    probe: (workingCopy) => workingCopyProbe(at({ workingCopy })),
    broken: '*"volume show"*',
  },
  { name: "the artifacts", probe: (repository) => storeProbe(at({ repository })), broken: "find" },
];

for (const { name, probe, broken } of rows)
  test(`a look that breaks off is no answer: ${name}`, (context) => {
    const folder = mkdtempSync("/tmp/probe-") as AbsolutePath;
    context.after(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, "artifacts"));
    const run = (pattern: string) =>
      spawnSync("sh", ["-c", `${PROBE_LIBRARY}${stubs(pattern)}( ${probe(folder).script}\n)`]).status;
    assert.equal(run("nothing"), 0);
    assert.notEqual(run(broken), 0);
  });
