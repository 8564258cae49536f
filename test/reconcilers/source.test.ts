import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { sourceProbe } from "../../src/reconcilers/snapshot/source.ts";
import { subvolume } from "../../src/reconcilers/snapshot/subvolume.ts";
import { PROBE_LIBRARY } from "../../src/reconcilers/snapshot/subvolumes.ts";
import type { Host } from "../../src/transport/host.ts";
import { desired } from "./world.ts";

const [spec = assert.fail()] = desired().datasets;
const at = (path: string): DatasetSpec => ({ ...spec, path: path as AbsolutePath });

/** Folders stand in for subvolumes. */
const BTRFS = `
btrfs() { shift 2; case $1 in create) mkdir -- "$2";; esac; }
`;
const sh = (script: string) => spawnSync("sh", ["-c", script], { encoding: "utf8" });

test("mounts inside the dataset are seen through links on the way to it", (context) => {
  const folder = mkdtempSync("/tmp/source-");
  context.after(() => rmSync(folder, { recursive: true }));
  symlinkSync("/", join(folder, "way"));
  const { script, parse } = sourceProbe(at(join(folder, "way/dev")));
  const { stdout } = sh(`${PROBE_LIBRARY}btrfs() { :; }; ${script}`);
  const fact = parse(stdout);
  assert.equal(fact.kind, "known", stdout);
  if (fact.kind === "known") assert.ok(fact.value.holes.includes("/dev/shm"), stdout);
});

test("subvolumes inside a directory that is to be converted are seen, and none beside it", () => {
  const { parse } = sourceProbe(at("/home/dev/my code"));
  const fact = parse(`place btrfs 1234-abcd /@home /home
room 1000 4000
real /home/dev/my code
kind directory
beside @home/dev/my code/a/b
beside @home/dev/my code.old
beside @other/dev/my code/c
`);
  assert.deepEqual(fact.kind === "known" ? fact.value.holes : fact, ["@home/dev/my code/a/b"]);
});

test("what was written a moment ago is told, though only a sync brings it to Btrfs's own numbers", (context) => {
  const folder = mkdtempSync("/tmp/source-");
  context.after(() => rmSync(folder, { recursive: true }));
  const { script, parse } = sourceProbe(at(folder));
  const fakes = `
stat() { case $* in *%i*) echo 256;; *) echo btrfs;; esac; }
btrfs() {
  case $* in
    *sync*) : >${folder}/synced;;
    *show*) printf 'Generation: %s\nGen at creation: 7\n' "$([ -e ${folder}/synced ] && echo 8 || echo 7)";;
  esac
}`;
  const { stdout } = sh(`${PROBE_LIBRARY}${fakes}\n${script}`);
  const fact = parse(stdout);
  assert.equal(fact.kind === "known" && fact.value.written, true, stdout);
});

test("a directory with hard links, to inside and to outside of it, is converted", async (context) => {
  const folder = mkdtempSync("/tmp/source-");
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "it's code");
  mkdirSync(path);
  writeFileSync(join(path, "a"), "1");
  linkSync(join(path, "a"), join(path, "b"));
  linkSync(join(path, "a"), join(folder, "outside"));
  const host: Partial<Host> = {
    name: spec.workstation,
    run: async (script) => {
      const { status, stdout, stderr } = sh(BTRFS + script);
      return { exitCode: status ?? -1, stdout, stderr };
    },
  };
  const action = {
    id: "subvolume:dev",
    host: spec.workstation,
    input: { how: "convert", path, owner: "dev" },
  };
  await subvolume.run(action as unknown as Action<never>, { host: () => host } as unknown as Tools);
  assert.deepEqual(readdirSync(folder).sort(), ["it's code", "it's code.before-devbackup", "outside"]);
  assert.equal(readFileSync(join(path, "b"), "utf8"), "1");
  assert.equal(statSync(join(path, "a")).ino, statSync(join(path, "b")).ino);
});
