import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { expectExit, planned } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { whyNoSwift } from "../lab/s3/servers.ts";

const REPOSITORY = "/srv/btrfs-backups/old";
const ANCHOR = "artifacts/anchors/old@2024-01.full.send.zst.age";
const INCREMENT = "artifacts/incr/old@2024-02.incr.from_2024-01.send.zst.age";
const THIRD = "artifacts/incr/old@2024-03.incr.from_2024-02.send.zst.age";

/**
 * A dataset that shell scripts have backed up so far, with btrfs, zstd, age and rclone alone: the repository, its unsigned
 * manifest as they write it, snapshots on both machines, and objects under the keys that they gave.
 */
describe("what older tools have left", { skip: whyNoLab() || whyNoSwift() }, () => {
  let lab: Lab;
  let identity: string[];
  let config: string[];
  before(async () => {
    lab = await startLab({ store: "swift" });
    const passphrase = join(lab.dir, "passphrase");
    await writeFile(passphrase, "four sober months of winter\n", { mode: 0o600 });
    const made = await expectExit(lab, 0, [
      ...["keys", "new-recovery", "--json", "--out", "recovery.age", "--passphrase-file", passphrase],
    ]);
    identity = ["--identity", join(lab.dir, "recovery.age"), "--passphrase-file", passphrase];
    const state = await lab.desiredState({
      encryption: { recovery_recipients: [JSON.parse(made).recipient] },
      datasets: {
        dev: undefined,
        old: {
          ...{ path: "/home/dev/old", snapshots: "/home/dev/old-snapshots", owner: "dev" },
          ...{ repository: REPOSITORY, working_copy: "/srv/work/old" },
          retention: { workstation_snapshots: "all", server_snapshots: "all" },
        },
      },
    });
    config = ["--config", state];
    const install = "apt-get -qq update; apt-get -qq install -y --no-install-recommends zstd age >/dev/null";
    await Promise.all((["ws", "ls"] as const).map((machine) => lab.must(machine, install)));
  });
  after(() => lab?.stop());

  const old = (exitCode: number, ...args: readonly string[]): Promise<string> =>
    expectExit(lab, exitCode, [...args, ...config]);
  const ls = (script: string): Promise<string> => lab.must("ls", `cd ${REPOSITORY}; ${script}`);
  const content = (machine: "ws" | "ls", folder: string): Promise<string> =>
    lab.must(machine, `cd ${folder} && find . -type f | LC_ALL=C sort | xargs sha256sum`);
  /** As a user has it, with nothing of this machine's environment. */
  const rclone = async (...args: readonly string[]): Promise<void> => {
    const { endpoint, region, accessKeyId, secretAccessKey } = lab.bucket;
    const remote = {
      TYPE: "s3",
      PROVIDER: "Other",
      ENDPOINT: endpoint,
      REGION: region,
      NO_CHECK_BUCKET: "true",
    };
    const keys = { ACCESS_KEY_ID: accessKeyId, SECRET_ACCESS_KEY: secretAccessKey };
    const settings = Object.entries({ ...remote, ...keys }).map(([key, value]) => [
      `RCLONE_CONFIG_R2_${key}`,
      value,
    ]);
    const env = { PATH: process.env.PATH ?? "", HOME: lab.home, RCLONE_CONFIG: "/dev/null" };
    await execa("rclone", [...args, "--s3-chunk-size", "5M", "--s3-upload-cutoff", "5M"], {
      env: { ...env, ...Object.fromEntries(settings) },
      extendEnv: false,
    });
  };
  const r2 = (path: string): string => `r2:${lab.bucket.bucket}/${path}`;
  /** From the machine's shell into a file of this one, or the other way. */
  const piped = (script: string): Promise<unknown> =>
    execa("sh", ["-ec", `on() { m=$1; shift; ssh -F ${lab.sshConfig} "$m" "$@"; }; ${script}`]);

  test("made by hand: two months, as the older scripts leave them", async () => {
    await lab.must(
      "ws",
      `btrfs -q subvolume create old; mkdir old-snapshots; head -c 6M /dev/urandom >old/photo.raw; mkdir old/src; echo one >old/src/a
       btrfs -q subvolume snapshot -r old old-snapshots/old@2024-01 >/dev/null
       echo two >old/src/a; head -c 300K /dev/urandom >old/b; btrfs -q subvolume snapshot -r old old-snapshots/old@2024-02 >/dev/null`,
      { user: "dev" },
    );
    await lab.must(
      "ls",
      `mkdir -p ${REPOSITORY} && cd ${REPOSITORY} && mkdir -p artifacts/anchors artifacts/incr manifests keys restore/worktree_receive tmp logs locks
       umask 077; age-keygen -o keys/ls_old_backup.key 2>/dev/null; age-keygen -y keys/ls_old_backup.key >keys/ls_old_backup.pub; touch manifests/state.env`,
    );
    const at = "/home/dev/old-snapshots";
    for (const [send, path] of [
      [`${at}/old@2024-01`, ANCHOR],
      [`-p ${at}/old@2024-01 ${at}/old@2024-02`, INCREMENT],
    ])
      await piped(
        `on ws 'btrfs -q send ${send} | zstd -q -3' | on ls 'cd ${REPOSITORY} && age -r "$(cat keys/ls_old_backup.pub)" >${path} && age -d -i keys/ls_old_backup.key ${path} | zstd -q -d | btrfs -q receive restore/worktree_receive'`,
      );
    // the heading with their slip, and the first row as their push leaves it: moved by its empty parent
    await ls(`
row() { printf '%s\\t' "$@"; }
of() { stat -c %s "$1"; sha256sum "$1" | cut -c1-64; echo "$PWD/$1"; }
{ printf 'ts\\tlbel\\ttype\\tparent\\tbytes\\tsha256\\tlocal_path\\tobject_key\\n'
  row 2024-01-31T03:00:00Z 2024-01 anchor $(of ${ANCHOR}); printf '\\t\\n'
  row 2024-02-29T03:00:00Z 2024-02 incremental 2024-01 $(of ${INCREMENT}); printf '%s\\n' ${INCREMENT}
  row 2024-02-30T03:00:00Z 2024-02x incremental 2024-01 7; printf '\\n'
} >manifests/snapshots_v2.tsv`);
    const here = join(lab.dir, "older");
    await piped(
      `mkdir ${here}; on ls 'tar -C ${REPOSITORY} -c artifacts manifests/snapshots_v2.tsv' | tar -C ${here} -x`,
    );
    await rclone("copy", here, r2(""));
  });

  test("a plan names the command, which tells what it can't resolve, and writes nothing without it unasked", async () => {
    const { problems } = await planned(lab, config);
    assert.deepEqual(
      problems.map(({ code }) => code),
      ["manifest-older"],
    );
    const before = await ls("cat manifests/snapshots_v2.tsv");
    const told = await old(6, "manifest", "migrate", "--yes", "--no-color");
    assert.match(told, /2 artifacts in 1 chain/);
    assert.match(told, /Left out:\n {2}line 4: 2024-02x\n {6}it names neither a label nor a file/);
    assert.match(told, /devbackup manifest migrate --config \S+ --approve migrate:old/);
    assert.equal(await ls("cat manifests/snapshots_v2.tsv"), before);

    await ls("sed -i 4d manifests/snapshots_v2.tsv");
    const done = await old(0, "manifest", "migrate", "--yes", "--no-color");
    assert.match(done, /Objects under keys that are not looked for: 1\n {2}artifacts\/incr/);
    assert.equal(await ls("cat manifests/snapshots_v2.tsv.before-*"), before.replace(/.*2024-02x.*\n/, ""));
    assert.equal(
      await ls(
        "cut -f1-4,8 manifests/snapshots_v2.tsv | tail -n 2; [ -s manifests/snapshots_v2.tsv.sig ]; . manifests/state.env; echo $LATEST_LABEL $ANCHOR_LABEL",
      ),
      `2024-01-31T03:00:00.000Z\t2024-01\tfull\t-\told/${ANCHOR}\n2024-02-29T03:00:00.000Z\t2024-02\tincr\t2024-01\told/${INCREMENT}\n2024-02 2024-01\n`,
    );
    assert.match(await old(0, "manifest", "migrate", "--yes"), /Nothing to do/);
  });

  test("with its objects moved to where they belong, the chain goes on, and nothing is made or sent twice", async () => {
    const uploads = async () =>
      (await planned(lab, ["--label", "2024-03", ...config])).actions
        .filter(({ kind }) => kind === "artifact" || kind === "upload" || kind === "hydrate")
        .map(({ id }) => id);
    assert.deepEqual(await uploads(), [
      "artifact:old@2024-03",
      "hydrate:old@2024-03",
      ...["2024-01", "2024-02", "2024-03"].map((label) => `upload:old@${label}`),
    ]);
    await rclone("move", "--ignore-existing", r2("artifacts"), r2("old/artifacts"));
    assert.deepEqual(await uploads(), ["artifact:old@2024-03", "hydrate:old@2024-03", "upload:old@2024-03"]);

    const standing = `stat -c '%Y %s' ${ANCHOR} ${INCREMENT}; btrfs subvolume show restore/worktree_receive/old@2024-02 | grep UUID`;
    const before = await ls(standing);
    await lab.must("ws", "echo three >old/src/a", { user: "dev" });
    const applied = await old(0, "apply", "--yes", "--label", "2024-03");
    // which is what a second plan has come to
    assert.match(applied, /verified: nothing left to do/);
    assert.equal(await ls(standing), before);
    assert.equal(await ls("tail -n 1 manifests/snapshots_v2.tsv | cut -f2-4"), "2024-03\tincr\t2024-02\n");
  });

  test("an older label comes back byte for byte, and objects without a note of ours are read to tell", async () => {
    await old(0, "restore", "2024-01", "--to", "/home/dev/january", "--yes");
    assert.equal(
      await content("ws", "/home/dev/january"),
      await content("ws", "/home/dev/old-snapshots/old@2024-01"),
    );
    const verified = await old(0, "verify", "--cloud", "--no-color");
    assert.match(verified, /2024-01 +anchor .* ok, read /);
    assert.match(verified, /all 9 copies as they should be/);
  });

  test("a copy of the bucket that rclone made: artifacts come from its folder, and manifest and keys as well", async () => {
    const copy = join(lab.dir, "copy");
    await rclone("copy", r2("old"), copy);
    await piped(`tar -C ${copy} -c . | on ls 'mkdir -p /srv/copy && tar -C /srv/copy -x'`);
    await ls(`rm -f ${INCREMENT}`);
    await rclone("delete", r2("old/artifacts"));
    assert.match(await old(0, "manifest", "import", "/srv/copy", "--yes"), /import:old@2024-02 {2}done/);
    // the manual's way where the server has lost its manifest, and there is no bucket
    await ls(`rm manifests/snapshots_v2.tsv*
      age -d -i keys/ls_old_backup.key /srv/copy/manifests/snapshots_v2.tsv.age >manifests/snapshots_v2.tsv
      cp /srv/copy/manifests/snapshots_v2.tsv.sig manifests/`);
    const { actions, problems } = await planned(lab, ["--label", "2024-03", ...config]);
    assert.deepEqual(problems, []);
    assert.deepEqual([...new Set(actions.map(({ kind }) => kind))], ["layout", "upload"]);
  });

  test("a bucket that rclone filled: what the server has lost is made and fetched from it", async () => {
    await rclone("copy", join(lab.dir, "copy"), r2("old"));
    await ls(`rm -rf artifacts/*/* manifests/* keys`);
    await lab.must(
      "ls",
      `btrfs -q subvolume delete ${REPOSITORY}/restore/worktree_receive/old@*; btrfs -q subvolume delete /srv/work/old`,
    );
    const rebuilt = await old(0, "manifest", "rebuild", "--yes", "--approve", "all", ...identity);
    assert.match(rebuilt, /3 artifacts in 1 chain/);
    const applied = await old(0, "apply", "--yes", "--approve", "all", "--label", "2024-03");
    assert.match(applied, /verified: nothing left to do/);
    assert.equal(await content("ls", "/srv/work/old"), await content("ws", "/home/dev/old"));
    assert.equal(await ls(`[ -e ${THIRD} ] && echo there`), "there\n");
  });
});
