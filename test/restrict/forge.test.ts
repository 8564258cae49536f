import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { artifactPath, snapshotName } from "../../src/domain/artifact.ts";
import { type ManifestRow, renderManifest } from "../../src/domain/manifest.ts";
import { type AbsolutePath, type HostName, joinPath } from "../../src/domain/names.ts";
import { damagedMark } from "../../src/reconcilers/artifact/prove-script.ts";
import { identityFile } from "../../src/reconcilers/keys/key-files.ts";
import { hydratedFolder, repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import { manifestFile } from "../../src/reconcilers/manifest/store.ts";
import { hydrate } from "../../src/reconcilers/receive/hydrate.ts";
import { marksOnServer, serverLock } from "../../src/reconcilers/receive/receive-script.ts";
import { marked } from "../../src/transport/bootstrap.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { counted } from "../../src/transport/scripted-host.ts";
import { label as labelOf } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { streamOf } from "../lab/stream.ts";
import { desired } from "../reconcilers/world.ts";
import { type Installed, install } from "./installed.ts";

const YOURS = "2026-03";

/** The label of the thief's `index`th stream. */
const theirs = (index: number): string => `2099-${String(index + 1).padStart(2, "0")}`;
/** Of one that has the name of the snapshot that is registered. */
const THEIRS = theirs(1);

/** Streams under labels of a thief's own, by what they try; `own` is the snapshot that the label stands for. */
const STREAMS: Readonly<Record<string, (own: string) => Buffer>> = {
  "nothing but its snapshot": (own) =>
    streamOf(["subvol", own], ["mkfile", "file"], ["setXattr", "file", "user.x", "a\nrename ../../b ./c"]),
  "the registered snapshot": () => streamOf(["subvol", `dev@${YOURS}`], ["mkfile", "forged"]),
  "the next label's snapshot": () => streamOf(["subvol", "dev@2026-04"]),
  "a second snapshot": (own) => streamOf(["subvol", own], ["subvol", "dev@2026-04"]),
  "one in another's place, by a link of its own": (own) =>
    streamOf(
      ["subvol", own],
      ["symlink", "l", ".."],
      ["rename", `l/dev@${YOURS}`, "l/gone"],
      ["subvol", `dev@${YOURS}`],
      ["subvol", own],
    ),
  "the mark of what is under way": (own) => streamOf(["subvol", own], ["rename", "../.hidden", "../.gone"]),
  "one in another's place": (own) =>
    streamOf(
      ["subvol", own],
      ["rename", `../dev@${YOURS}`, "../gone"],
      ["subvol", `dev@${YOURS}`],
      ["subvol", own],
    ),
  "another's name": (own) => streamOf(["subvol", own], ["rename", `../dev@${YOURS}`, "gone"]),
  "a name beside it": (own) => streamOf(["subvol", own], ["mkdir", "a"], ["rename", "a", "../dev@2026-04"]),
  "a folder beside it": (own) => streamOf(["subvol", own], ["mkdir", "x/../../dev@2026-04"]),
  "a link to what lies beside it": (own) => streamOf(["subvol", own], ["link", "l", "../outside"]),
  "the folder around it": (own) => streamOf(["subvol", own], ["chmod", ".."]),
};

describe("a key that may only add, in a thief's hands", { skip: whyNoDisk() }, () => {
  let it: Installed;
  let spec: DatasetSpec;
  let rows: readonly ManifestRow[];
  const hydrated = () => hydratedFolder(spec.repository);
  const standing = () => readdirSync(hydrated()).sort();
  const mark = (at: string) => join(spec.repository, `tmp/dev@${at}.receiving`);
  const yours = () => shell('cat "$1"/file', join(hydrated(), `dev@${YOURS}`));

  /** As devbackup issues it, with what goes with the label of `row`. */
  async function scriptFor(row: ManifestRow): Promise<string> {
    let said = "";
    const run = async (script: string) => {
      said = script;
      return { exitCode: 0, stdout: "", stderr: "" };
    };
    const { sha256, sizeBytes } = row;
    const path = joinPath(spec.repository, row.localPath);
    const input = {
      identity: identityFile(spec),
      repository: spec.repository,
      manifest: manifestFile(spec),
      folder: hydrated(),
      name: snapshotName(spec.name, row.label),
      replace: false,
      marks: marksOnServer(spec),
      lock: serverLock(spec),
      artifact: { path, sha256, sizeBytes, damagedMark: damagedMark(spec, row) },
    };
    await hydrate.run(
      { host: "ls", input } as never,
      { host: () => ({ name: "ls" as HostName, run }) } as never,
    );
    return marked(counted(said, 0));
  }
  const rowOf = (at: string): ManifestRow => rows.find(({ label }) => label === at) ?? assert.fail(at);

  const ends: (() => void)[] = [];
  before(async () => {
    const { path } = smallDisk({ after: (end: () => void) => ends.push(end) } as never);
    const state = desired();
    const repository = join(path, "repository") as AbsolutePath;
    const datasets = state.datasets.map((dataset) => ({ ...dataset, repository }));
    spec = datasets[0] ?? assert.fail();
    for (const folder of repositoryFolders(spec)) mkdirSync(folder.path, { recursive: true });
    shell('chmod 700 "$1"/tmp; age-keygen -o "$2" 2>/dev/null', repository, identityFile(spec));
    // names that could pass for something else where a stream is shown as text
    const sent = execFileSync("sh", [
      "-euc",
      `cd "$1"; mkdir a; btrfs -q subvolume create a/s; cd a/s; echo yours >file; ln -s ../../x 'l\\'; ln file 'h dest=..'; mkdir -p 'a
rename          ./x'; : >..x; mkdir '.. '; cd ../..; btrfs -q subvolume snapshot -r a/s a/dev@${YOURS}; btrfs -q send a/dev@${YOURS}`,
      "sh",
      path,
    ]);
    const artifact = (at: string, stream: Buffer): ManifestRow => {
      const ref = { dataset: spec.name, label: labelOf(at), parent: null };
      const localPath = artifactPath(ref);
      const script = 'zstd -q -c | age -r "$(age-keygen -y "$1")"';
      const bytes = execFileSync("sh", ["-c", script, "sh", identityFile(spec)], { input: stream });
      writeFileSync(join(repository, localPath), bytes);
      return {
        ts: "2026-03-01T00:00:00.000Z",
        label: ref.label,
        parent: null,
        sizeBytes: bytes.length,
        sha256: sha256Of(bytes),
        localPath,
        objectKey: null,
      };
    };
    rows = [
      artifact(YOURS, sent),
      ...Object.values(STREAMS).map((stream, index) => {
        const at = theirs(index);
        return artifact(at, stream(`dev@${at}`));
      }),
    ];
    // what may be added is: from here on all of these are registered
    writeFileSync(manifestFile(spec), renderManifest(rows));
    it = await install({ ...state, datasets }, "add-only", ["dash"]);
  });
  after(() => {
    it?.remove();
    for (const end of ends) end();
  });

  test("what is registered is received, whatever its files are called", async () => {
    const { stderr, exitCode } = it.send(await scriptFor(rowOf(YOURS)));
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(standing(), [`dev@${YOURS}`]);
    assert.equal(yours(), "yours\n");
  });

  test("a snapshot is made of the artifact that the manifest has for it, and of no other", async () => {
    const [own, other] = [rowOf(THEIRS), rowOf(YOURS)];
    const pieces = (await scriptFor(own)).split(THEIRS);
    assert.ok(pieces.length < 6, "every place where a label stands is tried with every other");
    for (let choice = 0; choice < 2 ** (pieces.length - 1); choice += 1)
      for (const sha256 of [own.sha256, other.sha256]) {
        // at its worst: a receive of the registered snapshot seems to be under way
        writeFileSync(mark(YOURS), "");
        const script = pieces
          .map((piece, at) => `${at === 0 ? "" : (choice >> (at - 1)) & 1 ? YOURS : THEIRS}${piece}`)
          .join("")
          .replaceAll(own.sha256, sha256);
        it.send(script);
        assert.equal(yours(), "yours\n", script);
      }
  });

  test("and the mark of a receive is its own snapshot's", async () => {
    const script = await scriptFor(rowOf(THEIRS));
    const other = script.replace('"$n".receiving', `dev@${YOURS}.receiving`);
    assert.notEqual(other, script);
    assert.equal(it.send(other).refused, "no such script is allowed");
  });

  test("a stream of its own snapshot alone is received", async () => {
    const { stderr, exitCode } = it.send(await scriptFor(rowOf(theirs(0))));
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual(standing(), [`dev@${YOURS}`, `dev@${theirs(0)}`]);
  });

  test("whatever a stream does, what stands beside its own snapshot stays what it is", async (context) => {
    writeFileSync(join(hydrated(), ".hidden"), "kept");
    const inode = () => statSync(join(hydrated(), `dev@${YOURS}`)).ino;
    const [here, dev] = [inode(), statSync(join(hydrated(), `dev@${YOURS}`)).dev];
    for (const [index, what] of Object.keys(STREAMS).entries())
      if (index > 0)
        await context.test(what, async () => {
          const before = standing();
          it.send(await scriptFor(rowOf(theirs(index))));
          const after = standing();
          assert.deepEqual(
            before.filter((name) => !after.includes(name)),
            [],
          );
          assert.equal(yours(), "yours\n");
          assert.deepEqual([inode(), statSync(join(hydrated(), `dev@${YOURS}`)).dev], [here, dev]);
        });
  });
});
