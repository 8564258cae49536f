import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DeleteObjectCommand } from "@aws-sdk/client-s3";
import { expectExit, manifestOf } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;

describe("what a label is made from, and where that stands", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string;
  before(async () => {
    lab = await startLab();
    config = await lab.desiredState();
    await lab.must("ws", "btrfs -q subvolume create code && head -c 2M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
    for (const words of ["init ls", "init ws"]) await earlier(words);
    for (const label of ["2090-01", "2090-02", "2090-03"]) {
      await lab.must("ws", `echo ${label} >code/note`, { user: "dev" });
      await earlier(`ws run-month --label ${label}`);
    }
  });
  after(() => lab?.stop());

  /** Words of the earlier tool, which took its configuration in front. */
  const earlier = (words: string): Promise<string> =>
    expectExit(lab, 0, ["--config", config, ...words.split(" "), "--yes", "--approve", "snapshot"]);
  const chain = (exitCode: number, label: string): Promise<string> =>
    expectExit(lab, exitCode, ["manifest", "chain", label, "--no-color", "--config", config]);
  const pathOf = async (label: string): Promise<string> => {
    const row = (await manifestOf(lab)).find((each) => each.label === label);
    return row?.localPath ?? assert.fail(`${label} has no row`);
  };

  test("what was edited in the working copy comes back to the workstation by hand, shown first", async () => {
    await lab.must(
      "ls",
      "echo there >/srv/work/dev/note; rm /srv/work/dev/photo.raw; echo new >'/srv/work/dev/a b'",
      {
        user: "dev",
      },
    );
    const syncBack = (...more: string[]) => expectExit(lab, 0, ["sync-back", ...more, "--config", config]);
    const here = () => lab.must("ws", "cd code && ls -A1 && cat note", { user: "dev" });
    const without = await lab.devbackup(["sync-back", "--config", config]);
    assert.match(
      without.stderr,
      /rsync is not installed there[\s\S]*\[rsync-missing\][\s\S]*apt-get install rsync/,
    );
    for (const machine of ["ws", "ls"] as const)
      await lab.must(machine, "apt-get -qq update && apt-get -qq -y install rsync >/dev/null");
    const shown = await syncBack("--delete");
    assert.match(shown, /\+ a b\n {2}. note\n/);
    assert.match(shown, /1 added, 1 changed, 1 deleted\./);
    assert.match(shown, /devbackup sync-back --delete .*--approve sync-back:dev/);
    assert.equal(await here(), "note\nphoto.raw\n2090-03\n", "shown, and not done");
    await syncBack("note", "--approve", "sync-back");
    assert.equal(await here(), "note\nphoto.raw\nthere\n");
    await syncBack("--delete", "--approve", "sync-back:dev");
    assert.equal(await here(), "a b\nnote\nthere\n");
    assert.match(await syncBack("--delete"), /Nothing to do/);
  });

  test("after a backup it stands everywhere, and nothing has to be fetched", async () => {
    // from here on nothing needs the workstation
    await lab.cut("ws");
    const text = await chain(0, "2090-03");
    for (const label of ["2090-01", "2090-02", "2090-03"])
      assert.match(text, new RegExp(`^\\S+ +${label} .* ✓ +✓ +✓ +-`, "m"));
    assert.match(text, /2090-03 is hydrated: a restore fetches and receives nothing\./);
  });

  const lose = async (): Promise<void> => {
    await lab.must(
      "ls",
      `cd ${HYDRATED} && btrfs -q subvolume delete dev@2090-02 dev@2090-03 && rm -f ${REPOSITORY}/${await pathOf("2090-03")}`,
    );
  };

  test("what the server has lost comes from the bucket, up from the nearest hydrated snapshot", async () => {
    await lose();
    const text = await chain(0, "2090-03");
    assert.match(text, /^● +2090-01 .* ✓ +✓ +✓ +-/m);
    assert.match(text, /^├─ +2090-02 .* ✓ +no +✓ +server/m);
    assert.match(text, /^└─ +2090-03 .* missing +no +✓ +bucket/m);
    assert.match(text, /2090-03: costs 2090-03 \(1 label\); the only copy is in the bucket/);
  });

  test("in the words of the earlier tool: its artifacts first, then what is made from them, and nothing else", async () => {
    await earlier("sync pull --label 2090-03");
    const pulled = await chain(0, "2090-03");
    assert.match(pulled, /^├─ +2090-02 .* ✓ +no +✓ +server/m);
    assert.match(pulled, /^└─ +2090-03 .* ✓ +no +✓ +server/m);
    await earlier("restore hydrate --label 2090-03");
    assert.match(await chain(0, "2090-03"), /2090-03 is hydrated: a restore fetches and receives nothing\./);
    await lose();
  });

  test("a snapshot that was made writable is not hydrated, and a hole ends with exit code 6", async () => {
    await lab.must("ls", `btrfs property set -f ${HYDRATED}/dev@2090-01 ro false`);
    const client = await lab.bucket.client();
    const Key = `dev/${await pathOf("2090-03")}`;
    await client.send(new DeleteObjectCommand({ Bucket: lab.bucket.bucket, Key }));
    client.destroy();
    const text = await chain(6, "2090-03");
    assert.match(text, /^● +2090-01 .* ✓ +no +✓ +server/m);
    assert.match(text, /^└─ +2090-03 .* missing +no +missing +nowhere/m);
    assert.match(text, /2090-03 can't be restored\./);
    assert.match(await chain(0, "2090-02"), /A restore of 2090-02 fetches nothing and receives /);
  });
});
