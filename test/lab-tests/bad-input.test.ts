import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { footprint } from "../lab/footprint.ts";
import { fromOutside } from "../lab/from-outside.ts";
import { type Changes, type Lab, startLab, whyNoLab } from "../lab/lab.ts";

import { notLetIn } from "./not-let-in.ts";
import { assertRefusal, type Refusal, refusing } from "./refusals.ts";

/** Later than any clock, so that the clock's own label has always gone by. */
const [PAST, STANDING, NEXT, LATER] = ["2089-12", "2090-01", "2090-02", "2090-03"];

describe("bad input is refused with a clear error and nothing changed", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let whole: string;
  before(async () => {
    lab = await startLab();
    whole = await lab.desiredState();
  });
  after(() => lab?.stop());

  const { refused, applyRefused } = refusing(() => lab, NEXT);

  describe("before anything is contacted", () => {
    let contacts = 0;
    const listener = createServer((socket) => {
      contacts++;
      socket.destroy();
    });
    /** Every address in it is the listener's. */
    let heardOf: Changes;
    before(async () => {
      await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
      const { port } = listener.address() as AddressInfo;
      heardOf = {
        hosts: { ws: { address: "127.0.0.1", port }, ls: { address: "127.0.0.1", port } },
        cloud: { endpoint: `http://127.0.0.1:${port}` },
      };
    });
    after(() => listener.close());

    const uncontacted = async (args: readonly string[], refusal: Refusal): Promise<void> => {
      const earlier = contacts;
      assertRefusal(await lab.devbackup(args), refusal);
      assert.equal(contacts, earlier, "it contacted something");
    };
    const invalid = async (folder: string, says: readonly RegExp[]): Promise<void> => {
      for (const command of [["plan"], ["apply", "--yes"]])
        await uncontacted([...command, "--config", folder], { exitCode: 1, says });
    };

    test("a valid one is heard of, so that silence means something", async () => {
      const { exitCode } = await lab.devbackup(["plan", "--config", await lab.desiredState(heardOf)]);
      assert.equal(exitCode, 4);
      assert.ok(contacts > 0);
    });

    test("no YAML", async () => {
      const folder = await lab.desiredState(heardOf);
      await appendFile(join(folder, "devbackup.yaml"), "encryption: [\n");
      await invalid(folder, [/devbackup\.yaml:\d+:\d+: .*not closed/, /right: /]);
    });

    test("wrong types, each with its place, in one run", async () => {
      const dev = { compression_level: "fast", retention: 7 };
      await invalid(await lab.desiredState({ ...heardOf, datasets: { dev } }), [
        /devbackup\.yaml:\d+:\d+[\s\S]*compression_level: fast/,
        /devbackup\.yaml:\d+:\d+[\s\S]*retention: 7/,
      ]);
    });

    test("an unknown key, with the nearest known one", async () => {
      const dev = { snapshotz: "/home/dev/snapshots" };
      await invalid(await lab.desiredState({ ...heardOf, datasets: { dev } }), [
        /devbackup\.yaml:\d+:\d+/,
        /snapshotz/,
        /\bsnapshots\b/,
      ]);
    });

    test("one key in two files, naming both", async () => {
      const folder = await lab.desiredState(heardOf);
      await writeFile(join(folder, "more.yaml"), "cloud:\n  bucket: another\n");
      await invalid(folder, [/devbackup\.yaml/, /more\.yaml/, /cloud/]);
    });

    for (const [flag, value, says] of [
      ["--label", "2090-13", /YYYY-MM/],
      ["--label", "2090-W05", /monthly[\s\S]*YYYY-MM/],
      ["--only", "nonsense", /provision, snapshot, artifact/],
      ["--dataset", "nonsense", /one of: dev/],
      ["--host", "nonsense", /one of: ws, ls/],
    ] as const) {
      test(`${flag} ${value}`, async () => {
        const folder = await lab.desiredState(heardOf);
        await uncontacted(["apply", "--yes", flag, value, "--config", folder], {
          exitCode: 1,
          says: [new RegExp(`${flag} ${value}`), says],
        });
      });
    }
  });

  describe("where a machine is not the one, or does not let us in", () => notLetIn(() => lab, NEXT));

  describe("where a backup stands and the next is due", () => {
    let untouched: string;
    before(async () => {
      const { exitCode, stdout, stderr } = await lab.devbackup(
        ["apply", "--yes", "--label", STANDING].concat("--config", whole),
      );
      assert.equal(exitCode, 0, stdout + stderr);
      untouched = await footprint(lab);
    });

    for (const { name, changes, says, exitCode = 1 } of [
      {
        name: "a dataset that is not on Btrfs",
        changes: { datasets: { dev: { path: "/opt/x" } } },
        says: [/ws.*\/opt\/x lies on overlay, not on Btrfs/, /mkfs\.btrfs/],
      },
      {
        name: "snapshots that are not on the dataset's file system",
        changes: { datasets: { dev: { snapshots: "/opt/snapshots" } } },
        says: [/ws.*\/opt\/snapshots/, /Btrfs|file system/],
      },
      {
        name: "a repository that is not on Btrfs",
        changes: { datasets: { dev: { repository: "/opt/backups/dev" } } },
        // and without the manifest and the key that this machine has seen
        exitCode: 6,
        says: [/ls.*\/opt\/backups\/dev/, /Btrfs/],
      },
      {
        name: "an owner who does not exist",
        changes: { datasets: { dev: { owner: "nobody-of-that-name" } } },
        says: [/ws.*there is no user nobody-of-that-name/, /owner/],
      },
      {
        name: "a bucket that does not exist",
        changes: { cloud: { bucket: "no-such-bucket" } },
        says: [/bucket no-such-bucket/, /create it|cloud\.bucket/],
      },
    ]) {
      test(name, () => applyRefused(changes, { exitCode, says }));
    }

    for (const [name, variable] of [
      ["a wrong access key id", "R2_ACCESS_KEY_ID"],
      ["a wrong secret access key", "R2_SECRET_ACCESS_KEY"],
    ] as const) {
      test(name, () =>
        applyRefused(
          {},
          { exitCode: 1, says: [/bucket dev-backups/, /cloud\.access_key_id and cloud\.secret_access_key/] },
          { env: { [variable]: "0123456789abcdef0123456789abcdef" } },
        ),
      );
    }

    for (const { name, label, says } of [
      {
        name: "a label in the past",
        label: ["--label", PAST],
        says: [/2089-12 lies before 2090-01/, /labels only grow/],
      },
      {
        name: "a clock that went back",
        label: [],
        says: [/the clock here makes it \d{4}-\d\d/, /2090-01/, /timedatectl/],
      },
    ]) {
      test(name, () => refused(["apply", "--yes", ...label, "--config", whole], { exitCode: 1, says }));
    }

    test("a label that exists: there is nothing to do about it", async () => {
      const { exitCode, stdout } = await lab.devbackup(
        ["apply", "--yes", "--label", STANDING].concat("--config", whole),
      );
      assert.equal(exitCode, 0);
      assert.match(stdout, /Nothing to do/);
    });

    test("something else under the name of the snapshot", async () => {
      const inTheWay = `/home/dev/snapshots/dev@${NEXT}`;
      for (const [make, remove, what] of [
        [`mkdir ${inTheWay}`, `rmdir ${inTheWay}`, "no subvolume"],
        [`touch ${inTheWay}`, `rm ${inTheWay}`, "no subvolume"],
        [
          `btrfs -q subvolume snapshot /home/dev/code ${inTheWay}`,
          `btrfs -q subvolume delete -c ${inTheWay}`,
          "writable subvolume",
        ],
      ] as const) {
        await lab.must("ws", make);
        await applyRefused({}, { exitCode: 1, says: [new RegExp(`ws.*dev@${NEXT}.*${what}`), /move it/] });
        await lab.must("ws", remove);
      }
    });

    test("a nested subvolume is refused, and left out where that is declared", async () => {
      await lab.must(
        "ws",
        "btrfs -q subvolume create /home/dev/code/nested; touch /home/dev/code/nested/file",
      );
      try {
        await applyRefused({}, { exitCode: 1, says: [/ws.*nested/, /nested_subvolumes: ignore/] });
        const ignoring = await lab.desiredState({ datasets: { dev: { nested_subvolumes: "ignore" } } });
        const plan = await lab.devbackup(["plan", "--label", NEXT, "--config", ignoring]);
        assert.equal(plan.exitCode, 0, plan.stderr);
        assert.match(plan.stdout, /not in the backup, as declared: .*nested/);
      } finally {
        await lab.must("ws", "btrfs -q subvolume delete -c /home/dev/code/nested");
      }
    });

    test("a mount inside is refused", async () => {
      await lab.must("ws", "mkdir /home/dev/code/mnt && mount -t tmpfs none /home/dev/code/mnt");
      try {
        await applyRefused(
          {},
          { exitCode: 1, says: [/ws.*\/home\/dev\/code\/mnt/, /nested_subvolumes: ignore/] },
        );
      } finally {
        await lab.must("ws", "umount /home/dev/code/mnt && rmdir /home/dev/code/mnt");
      }
    });

    test("an active swap file inside is refused", async () => {
      const swap = "/home/dev/code/swap";
      await lab.must("ws", `btrfs -q filesystem mkswapfile -s 4m ${swap} >/dev/null`);
      await fromOutside(lab, "ws", ["swapon", swap]);
      try {
        await applyRefused({}, { exitCode: 1, says: [/ws.*swap file.*\/home\/dev\/code\/swap/, /swapoff/] });
      } finally {
        await fromOutside(lab, "ws", ["swapoff", swap]);
        await lab.must("ws", `rm ${swap}`);
      }
    });

    test("a key that is gone while there are artifacts", async () => {
      const key = "/srv/btrfs-backups/dev/keys/ls_dev_backup.key";
      await lab.must("ls", `mv ${key} /srv/key.away`);
      try {
        await applyRefused(
          {},
          { exitCode: 6, says: [/ls.*ls_dev_backup\.key/, /restore|put it back|bring/i] },
        );
      } finally {
        await lab.must("ls", `mv /srv/key.away ${key}`);
      }
    });

    test("a server without room: the plan says so already", async () => {
      await lab.fill("ls", "20M");
      try {
        await applyRefused(
          {},
          { exitCode: 1, says: [/ls.*free at \/srv\/btrfs-backups\/dev/, /free some space/] },
        );
        const plan = await lab.devbackup(["plan", "--label", NEXT, "--config", whole]);
        assert.equal(plan.exitCode, 1);
        assert.match(plan.stdout + plan.stderr, /free at/);
      } finally {
        await lab.unfill("ls");
      }
    });

    test("none of it has changed anything", async () => {
      assert.equal(await footprint(lab), untouched);
    });

    test("a store that is down: everything at home is done, and what is left is said", async () => {
      await lab.cut("s3");
      let result: Awaited<ReturnType<Lab["devbackup"]>>;
      try {
        result = await lab.devbackup(["apply", "--yes", "--label", NEXT, "--config", whole]);
      } finally {
        await lab.heal("s3");
      }
      assertRefusal(result, {
        exitCode: 1,
        says: [/not verified: dev: the bucket could not be looked at/, /next: devbackup apply .*--label/],
      });
      assert.doesNotMatch(result.stdout + result.stderr, /nothing left to do/i);
      const rows = await lab.must("ls", "cat /srv/btrfs-backups/dev/manifests/snapshots_v2.tsv");
      assert.match(rows, new RegExp(`\t${NEXT}\tincr\t`));
      assert.equal((await lab.bucket.list()).filter(({ key }) => key.includes(`dev@${NEXT}`)).length, 0);

      const again = await lab.devbackup(["apply", "--yes", "--label", NEXT, "--config", whole]);
      assert.equal(again.exitCode, 0, again.stdout + again.stderr);
      assert.equal((await lab.bucket.list()).filter(({ key }) => key.includes(`dev@${NEXT}`)).length, 1);
    });

    test("a server that fills up in the middle of an artifact: nothing is registered, the next apply completes", async () => {
      const manifest = "cat /srv/btrfs-backups/dev/manifests/snapshots_v2.tsv";
      const earlier = await lab.must("ls", manifest);
      const apply = [
        "apply",
        "--yes",
        "--label",
        LATER,
        "--config",
        await lab.desiredState({ cloud: undefined }),
      ];
      await lab.must("ws", "head -c 120M /dev/urandom >/home/dev/code/photo.raw");
      await lab.fill("ls", "80M");
      try {
        assertRefusal(await lab.devbackup(apply), {
          exitCode: 1,
          says: [
            new RegExp(`ls: dev@${LATER}.* could not be written`),
            /No space left on device/,
            /Nothing was registered[\s\S]*safe to run again/,
            /next: free some space on ls: .*, then: devbackup apply/,
          ],
        });
        assert.equal(await lab.must("ls", manifest), earlier);
        assert.equal(await lab.must("ls", "ls -A /srv/btrfs-backups/dev/tmp"), "");
      } finally {
        await lab.unfill("ls");
      }
      const again = await lab.devbackup(apply);
      assert.equal(again.exitCode, 0, again.stdout + again.stderr);
      assert.match(await lab.must("ls", manifest), new RegExp(`\t${LATER}\tincr\t${NEXT}\t`));
    });

    test("a label that exists and is not the newest", () =>
      refused(["apply", "--yes", "--label", STANDING, "--config", whole], {
        exitCode: 1,
        says: [/dev@2090-01 is registered already/, /never rewritten/],
      }));
  });
});
