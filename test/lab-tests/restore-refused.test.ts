import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { expectExit, sha256 } from "../lab/expect.ts";
import { footprint } from "../lab/footprint.ts";
import { whyNoLab } from "../lab/lab.ts";
import {
  ESCROW,
  MANIFEST,
  type Objects,
  REPOSITORY,
  type Restorable,
  SIGNATURE,
  SOURCE,
  startRestorable,
} from "../lab/restorable.ts";
import { whyNoSwift } from "../lab/s3/servers.ts";
import { type Watch, watchProcesses } from "../lab/watch-processes.ts";
import {
  ageKey,
  escrowText,
  recipientLine,
  type SignKey,
  sealed,
  signed,
  signKey,
} from "../recovery/tools.ts";

const SECOND = "dev/artifacts/incr/dev@2090-02.incr.from_2090-01.send.zst.age";
const HEADER = "ts\tlabel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key\n";

describe("a restore that is refused says why, and changes nothing", {
  skip: whyNoLab() || whyNoSwift(),
}, () => {
  let it: Restorable;
  let config: string[];
  let forger: SignKey;
  let watch: Watch;
  const said: string[] = [];

  before(async () => {
    it = await startRestorable();
    config = await it.config();
    forger = signKey(it.lab.dir, "forger");
    watch = watchProcesses(it.lab, it.secrets);
  });
  after(() => it?.lab.stop());

  /** Runs it on a controller that knows the signer, or another; gives what it said, as one line. */
  async function run(args: readonly string[], exitCode: number, controller = it.knowing): Promise<string> {
    const result = await it.lab.devbackup(args, controller);
    const text = result.stdout + result.stderr;
    said.push(text);
    assert.equal(result.exitCode, exitCode, text);
    return text.replace(/\s+/g, " ");
  }
  /** That nothing was changed is seen at the end of each group. */
  async function refused(
    args: readonly string[],
    exitCode: 1 | 6,
    says: readonly RegExp[],
    controller = it.knowing,
  ) {
    const text = await run(args, exitCode, controller);
    for (const pattern of says) assert.match(text, pattern);
  }
  const latest = (...more: string[]) => ["apply", "--yes", "--restore", "latest", ...more, ...config];
  const refusedWith = (objects: Objects, says: readonly RegExp[]) =>
    it.instead(objects, () => refused(latest(...it.identity), 6, says));
  /** By a writer in the bucket, with a sign key of their own. */
  function escrowOf(dataset: string, backup = ageKey()) {
    const keys = { dataset, backup, sign: forger.privateFile, signPublic: forger.publicFile };
    return sealed(escrowText(keys), [it.recoveryRecipient]);
  }
  /** All but the journal, which also tells of applies that failed. */
  const standing = async () => (await footprint(it.lab)).replace(/^.*\/logs\/apply-.*\n/gm, "");

  describe("where nothing is lost", () => {
    let untouched: string;
    before(async () => {
      untouched = await standing();
    });

    for (const [command, ...says] of [
      ["apply --restore 2089-12", /no label 2089-12; it has 2090-01, 2090-02, 2090-03/, /one of those/],
      ["apply --restore 2090-W05", /--restore 2090-W05 is no label of dev/, /YYYY-MM/],
      ["plan --restore latest --label 2090-03", /--label does not go with --restore/],
      ["plan --to /home/dev/old", /next: devbackup plan --restore latest --to \/home\/dev\/old/],
      ["restore latest --to old", /old is no absolute path/, /from the root, as it is on ws/],
      ["restore latest /etc/passwd --to /home/dev/old", /\/etc\/passwd names nothing inside/],
      ["restore latest ../.ssh --to /home/dev/old", /\.\.\/\.ssh names nothing inside/],
      [
        "restore 2090-01 2090-02 --to /home/dev/old --yes",
        /dev@2090-01 does not hold 2090-02/,
        /ls \S+dev@2090-01 shows/,
      ],
      ["restore latest --to /home/dev --yes", /\/home\/dev is there, and is no empty folder/],
      ["restore latest --to /etc/hostname --host ls --yes", /\/etc\/hostname is there, and is no empty/],
      ["restore latest --to /bin --host ls --yes", /\/bin is there, and is no empty folder/],
    ] as const satisfies readonly (readonly [string, ...RegExp[]])[])
      test(command, () => refused([...command.split(" "), ...config], 1, says));

    test("none of it has changed anything", async () => {
      assert.equal(await standing(), untouched);
    });
  });

  describe("where both machines are lost", () => {
    let untouched: string;
    before(async () => {
      await Promise.all([it.lab.wipe("ws"), it.lab.wipe("ls")]);
      untouched = await standing();
    });

    describe("the identity", () => {
      const by = (file: string) => latest("--identity", file);
      test("none was given", () =>
        refused(latest(), 6, [/next: devbackup plan --restore latest --identity FILE/]));
      test("its file is not there", () =>
        refused(by("nowhere"), 1, [/there is no file nowhere/, /keys new-recovery/]));
      test("it is somebody else's", async () => {
        const key = ageKey();
        await writeFile(join(it.lab.dir, "others"), key, { mode: 0o600 });
        const tried = new RegExp(recipientLine(key));
        await refused(by("others"), 6, [
          /not encrypted to this recovery identity/,
          tried,
          /recovery_recipients/,
        ]);
      });
      test("a wrong passphrase", async () => {
        await writeFile(join(it.lab.dir, "wrong"), "four drunken months\n", { mode: 0o600 });
        const args = [...by("recovery.age"), "--passphrase-file", "wrong"];
        await refused(args, 1, [/this is not the passphrase of recovery\.age/]);
      });
      test("nobody to ask for it", () =>
        refused(by("recovery.age"), 1, [/no terminal/, /--passphrase-file FILE/]));
    });

    describe("the escrow", () => {
      const bitFlipped = () =>
        it.whole(ESCROW).map((byte, at, all) => (at === all.length - 200 ? byte ^ 4 : byte));
      for (const [name, bytes, says] of [
        ["gone", () => null, /there is no escrow of dev, on this machine or in the bucket/],
        [
          "cut off",
          () => it.whole(ESCROW).subarray(0, 1000),
          /is damaged \[escrow-damaged\] the copy in the bucket: it was cut off/,
        ],
        [
          "a bit of it flipped",
          bitFlipped,
          /is damaged \[escrow-damaged\] the copy in the bucket: it was cut off or changed/,
        ],
        ["another dataset's", () => escrowOf("photos"), /the escrow of another dataset, photos/],
        [
          "made by a writer in the bucket",
          () => escrowOf("dev"),
          /names another signer than the one that is known/,
        ],
      ] as readonly [string, () => Uint8Array | null, RegExp][])
        test(name, () =>
          refusedWith({ [ESCROW]: bytes() }, [
            says,
            /safe to run again/,
            /put another copy of the escrow at \/\S+\/escrow\.age/,
          ]),
        );
    });

    describe("the manifest", () => {
      const ours = (text: string) => sealed(text, [it.recoveryRecipient, it.backupRecipient]);
      const rebuild = /devbackup manifest rebuild .*--identity FILE/;
      for (const [name, objects, says] of [
        [
          "forged, under the signature that was there",
          () => ({ [MANIFEST]: ours(HEADER) }),
          /its signature is not one by SHA256/,
        ],
        [
          "forged, with another's signature",
          () => ({ [MANIFEST]: ours(HEADER), [SIGNATURE]: Buffer.from(signed(HEADER, forger)) }),
          /its signature is not one by SHA256/,
        ],
        ["its signature gone", () => ({ [SIGNATURE]: null }), /its signature is missing/],
        ["gone", () => ({ [MANIFEST]: null }), /neither the server nor the bucket has a manifest of dev/],
        [
          "damaged",
          () => ({ [MANIFEST]: it.whole(MANIFEST).subarray(0, -9) }),
          /the manifest in the bucket cannot be opened/,
        ],
      ] as readonly [string, () => Objects, RegExp][])
        test(name, () => refusedWith(objects(), [says, rebuild]));

      test("what is suggested then is not refused for the same reason", () =>
        it.instead({ [MANIFEST]: ours(HEADER) }, async () => {
          const text = await run(["manifest", "rebuild", "--dataset", "dev", ...it.identity, ...config], 0);
          assert.match(text, /put the age identity of dev back from the escrow/);
          assert.match(text, /Nothing was changed\. This has to be done first/);
          // the lock's folder
          await it.lab.must("ls", "rm -r /srv/btrfs-backups");
        }));

      test("rolled back: not for the latest; for a label of it that is asked for by name", () =>
        it.instead({ [MANIFEST]: it.older(MANIFEST), [SIGNATURE]: it.older(SIGNATURE) }, async () => {
          const says = [
            /older than one that this machine has seen/,
            /ends at 2090-02; 2090-03 was registered/,
          ];
          await refused(latest(...it.identity), 6, [...says, /--restore 2090-02 --identity FILE/]);
          const text = await run(["plan", "--restore", "2090-02", ...it.identity, ...config], 0);
          assert.match(text, /dev@2090-02 is made from 2 artifacts: 2 from the bucket/);
        }));
    });

    describe("everything made by a writer in the bucket, with keys of their own", () => {
      let theirs: Objects;
      before(() => {
        const backup = ageKey();
        const artifact = sealed(randomBytes(500), [recipientLine(backup)]);
        const path = "artifacts/anchors/dev@2090-03.full.send.zst.age";
        const row = [
          "2090-04-01T00:00:00Z",
          "2090-03",
          "full",
          "-",
          artifact.length,
          sha256(artifact),
          path,
          `dev/${path}`,
        ];
        const manifest = `${HEADER}${row.join("\t")}\n`;
        theirs = {
          [ESCROW]: escrowOf("dev", backup),
          [MANIFEST]: sealed(manifest, [it.recoveryRecipient]),
          [SIGNATURE]: Buffer.from(signed(manifest, forger)),
          [`dev/${path}`]: artifact,
        };
      });

      test("is refused where the signer is known, or declared", () =>
        it.instead(theirs, async () => {
          const says = [/names another signer/, /SHA256:\S+, expected SHA256:\S+: it may be forged/];
          await refused(latest(...it.identity), 6, says);
          const declaring = await it.config({ signers: { dev: it.signer } });
          await refused(
            ["apply", "--yes", "--restore", "latest", ...it.identity, ...declaring],
            6,
            says,
            it.fresh,
          );
        }));

      test("waits, where nobody knows the signer, for a person who compares the fingerprint", () =>
        it.instead(theirs, async () => {
          const text = await run(latest(...it.identity), 1, it.fresh);
          const shown = (await execa("ssh-keygen", ["-lf", `${forger.file}.pub`])).stdout;
          assert.ok(text.includes(`trust the signer ${/SHA256:\S+/.exec(shown)?.[0]}`), text);
          assert.match(text, /compare it with what devbackup keys show printed/);
          assert.match(text, /devbackup apply .*--restore latest .*--approve trust-signer:dev\/SHA256:/);
          // the lock and the journal of an apply that did nothing
          assert.equal(await it.lab.must("ls", `ls ${REPOSITORY}`), "locks\nlogs\n");
          await it.lab.must("ls", "rm -r /srv/btrfs-backups");
        }));
    });

    describe("an artifact", () => {
      const costs = [
        /dev@2090-03 can't be made: \S+2090-02\S+ is/,
        /It costs 2 labels: 2090-02, 2090-03/,
        /as dev\/artifacts\/incr\/dev@2090-02\S+ in the bucket; or restore 2090-01/,
        /devbackup plan --restore 2090-01 --identity FILE/,
      ];
      for (const [name, bytes, says] of [
        ["gone from the middle of the chain", () => null, /missing on the server and missing in the bucket/],
        ["cut off", () => it.whole(SECOND).subarray(0, -100), /damaged in the bucket/],
        [
          "forged, of another size",
          () => sealed(randomBytes(300), [it.backupRecipient]),
          /damaged in the bucket/,
        ],
      ] as readonly [string, () => Uint8Array | null, RegExp][])
        test(name, () => refusedWith({ [SECOND]: bytes() }, [says, ...costs]));
    });

    describe("the machines", () => {
      test("no room on the server", async () => {
        await it.lab.fill("ls", "20M");
        const says = [/free at \/srv\/btrfs-backups\/dev; needed: .* to spare/, /free some space there/];
        await refused(latest(...it.identity), 1, says).finally(() => it.lab.unfill("ls"));
      });
      for (const [name, make] of [
        ["a file at the dataset's path", `echo mine >${SOURCE}`],
        ["a link at the dataset's path", `ln -s /home/dev ${SOURCE}`],
      ] as const)
        test(name, async () => {
          await it.lab.must("ws", make);
          await refused(latest(...it.identity), 1, [
            /\/home\/dev\/code is there and is no folder/,
            /move it/,
          ]);
          await it.lab.must("ws", `rm ${SOURCE}`);
        });
    });

    test("none of it has changed anything", async () => {
      assert.equal(await standing(), untouched);
    });

    test("a forged artifact of the right size, for the right key, is fetched and never received; the good one is", async () => {
      const size = it.whole(SECOND).length - sealed("", [it.backupRecipient]).length;
      const forged = sealed(randomBytes(size), [it.backupRecipient]);
      assert.equal(forged.length, it.whole(SECOND).length);
      await it.instead({ [SECOND]: forged }, async () => {
        const text = await run(latest(...it.identity), 6);
        assert.match(
          text,
          /2090-02\S+ arrived damaged from the bucket .* its SHA-256 is .* put the object back/,
        );
        assert.equal(await it.lab.must("ls", `ls ${REPOSITORY}/restore/worktree_receive`), "dev@2090-01\n");
        assert.equal(await it.lab.must("ls", `find ${REPOSITORY} -name 'dev@2090-02*'`), "");
        await it.lab.must("ws", `[ ! -e ${SOURCE} ]`);
      });
      said.push(await expectExit(it.lab, 0, latest(...it.identity), it.knowing));
      assert.equal(await it.lab.must("ws", `cat ${SOURCE}/2090-0?`), "2090-01\n2090-02\n2090-03\n");
    });
  });

  describe("no secret stands", () => {
    const input = () => `${Object.values(it.secrets).join("\n")}\n`;

    test("in what was said, or in the journal", async () => {
      const journal = await it.lab.must("ls", `cat ${REPOSITORY}/logs/*`);
      for (const text of [...said, journal])
        for (const [what, secret] of Object.entries(it.secrets)) assert.ok(!text.includes(secret), what);
    });

    test("in the arguments or the environment of a process", async () => {
      assert.deepEqual(await watch.stop(), []);
    });

    test("in a file of either machine, but for the keys", async () => {
      const where = `find / \\( -path /proc -o -path /sys -o -path /dev -o -path /run/wanted -o -path ${REPOSITORY}/keys \\) -prune -o`;
      const script = `cat >/run/wanted; ${where} -type f -print0 | xargs -0 grep -laF -f /run/wanted --; rm /run/wanted`;
      for (const machine of ["ws", "ls"] as const)
        assert.equal(await it.lab.must(machine, script, { input: input() }), "");
      const keys = await it.lab.must(
        "ls",
        `cat >/run/wanted; grep -lF -f /run/wanted ${REPOSITORY}/keys/*; rm /run/wanted`,
        { input: input() },
      );
      assert.equal(keys, `${REPOSITORY}/keys/ls_dev_backup.key\n${REPOSITORY}/keys/ls_dev_sign.key\n`);
    });

    test("in what the controller keeps", async () => {
      const [own, kept] = [
        ["plain", "passphrase"],
        ["state", "knowing", "fresh", "home"],
      ];
      for (const name of own) await rm(join(it.lab.dir, name));
      // the program's own code, compiled, knows the name of a presigned address's parameter
      const argv = [
        "-rlaFs",
        "--exclude-dir=compiled",
        "-f",
        "-",
        ...kept.map((name) => join(it.lab.dir, name)),
      ];
      assert.equal((await execa("grep", argv, { input: input(), reject: false })).stdout, "");
    });
  });
});
