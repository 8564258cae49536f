import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { type Block, blocksOf, lacking } from "../lab/page.ts";
import { PASSPHRASE } from "../lab/secrets.ts";
import { type Answer, type Typed, typist } from "../lab/typist.ts";

const ROOT = join(import.meta.dirname, "../..");
const [ENTER, DOWN] = ["\r", "\u001b[B"];
/** Of chuck, on both machines. */
const PASSWORD = "correct horse";
/** A person at a keyboard. */
const KEYS_A_MINUTE = 200;
const LABEL = new Date().toISOString().slice(0, 7);
/** MANUAL_CAPTURES=1 prints what one sees: the pages are written from that. */
const CAPTURES = process.env.MANUAL_CAPTURES !== undefined;

describe("what the manual's pages have one type, as it stands there", { skip: whyNoLab() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await startLab();
  });
  after(() => lab?.stop());

  test("README.md: a first backup, from two bare machines", async (context) => {
    await Promise.all([bare("ws"), bare("ls")]);
    await mayLogIn();
    const blocks = blocksOf("README.md", ["Your first backup"]);
    context.diagnostic(timing("README.md", await typeAll(blocks, { answers: INTO_THE_BUCKET })));
  });

  test("README.md: before the bad day comes, and what is typed then", async () => {
    await typeAll(blocksOf("README.md", ["The bad day"]), { from: "~/backups", exported: bucketLogin() });
  });

  test("docs/bad-day.md: the workstation, then the server, a folder, the manifest", async () => {
    const kept = await lab.must("ws", "tar c backups | base64", { user: "chuck" });
    await lab.wipe("ws");
    await bare("ws", { kept });
    await typeAll(blocksOf("docs/bad-day.md"), {
      first: {
        "The server is gone, or both are": async () => {
          await lab.wipe("ls");
          await bare("ls");
          await allowSudo("ls");
        },
        "The manifest is gone, and the server's keys are there": () =>
          lab.must("ls", "rm /srv/btrfs-backups/dev/manifests/snapshots_v2.tsv*"),
      },
    });
    assert.equal(
      await lab.must("ws", "cat /home/chuck/code/notes/list /tmp/march/notes/list"),
      "milk\nmilk\n",
    );
  });

  test("docs/first-backup.md, from two bare machines", async (context) => {
    await Promise.all([lab.wipe("ws"), lab.wipe("ls")]);
    await Promise.all([bare("ws"), bare("ls")]);
    const typed = await typeAll(blocksOf("docs/first-backup.md"), { answers: AT_HOME_ALONE });
    context.diagnostic(timing("docs/first-backup.md", typed));
  });

  test("what no lab can run says why, and is little", () => {
    const left = PAGES.flatMap((page) => blocksOf(page)).filter(({ notRun }) => notRun !== null);
    assert.equal(left.length, 2, JSON.stringify(left));
  });

  /** What a person has before they begin: a machine, a user with a password and sudo; on the workstation devbackup, and work. */
  async function bare(machine: Machine, { kept }: { readonly kept?: string } = {}): Promise<void> {
    await lab.must(machine, "useradd -m -s /bin/bash -G sudo chuck && chpasswd", {
      input: `chuck:${PASSWORD}\n`,
    });
    if (machine === "ls") return;
    await lab.must("ws", `echo ${lab.addresses.ls} backup.lan >>/etc/hosts`);
    execFileSync("sh", ["-c", INSTALL, "sh", lab.sshConfig, ROOT, process.execPath]);
    if (kept === undefined) await lab.must("ws", SOME_WORK, { user: "chuck" });
    else await lab.must("ws", "base64 -d | tar x", { user: "chuck", input: kept });
    if (kept !== undefined) await allowSudo("ws");
  }

  const allowSudo = (machine: Machine) =>
    lab.must(machine, "echo 'chuck ALL=(root) NOPASSWD: ALL' >/etc/sudoers.d/chuck");

  /** What the README takes for granted. */
  async function mayLogIn(): Promise<void> {
    await Promise.all([allowSudo("ws"), allowSudo("ls")]);
    const key = await lab.must(
      "ws",
      "mkdir -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519 && cat .ssh/*.pub",
      { user: "chuck" },
    );
    await lab.must("ls", "mkdir -m 700 .ssh && cat >.ssh/authorized_keys", { user: "chuck", input: key });
  }

  /** What pages write by way of example, and what stands for it here. */
  const replaced = (): readonly (readonly [RegExp, string])[] => [
    [/\b2026-03\b/, LABEL],
    [/export R2_ACCESS_KEY_ID=… R2_SECRET_ACCESS_KEY=…/, bucketLogin()],
  ];
  const bucketLogin = (): string =>
    `export R2_ACCESS_KEY_ID=${lab.bucket.accessKeyId} R2_SECRET_ACCESS_KEY=${lab.bucket.secretAccessKey}`;

  /**
   * Types the blocks in their order; `first`: what happens before what stands below a heading. @throws where a
   * command does not end well, or what is shown behind it is not what one sees
   */
  async function typeAll(
    blocks: readonly Block[],
    {
      answers = [],
      first = {},
      from = "~",
      exported = "true",
    }: {
      readonly answers?: readonly Answer[];
      readonly first?: Readonly<Record<string, () => Promise<unknown>>>;
      readonly from?: string;
      readonly exported?: string;
    } = {},
  ): Promise<Typed[]> {
    assert.ok(blocks.length > 0);
    const endpoint: Answer = [/Endpoint/, lab.bucket.endpoint + ENTER];
    const chuck = typist(lab, "ws", "chuck", {
      answers: [...answers, endpoint, ...ANSWERS],
      replaced: replaced(),
      from,
      exported,
    });
    const [all, events]: [Typed[], Map<string, () => Promise<unknown>>] = [
      [],
      new Map(Object.entries(first)),
    ];
    for (const { page, heading, commands, shown, notRun } of blocks) {
      if (notRun !== null) continue;
      await events.get(heading)?.();
      events.delete(heading);
      let said = "";
      for (const command of commands) {
        const typed = await chuck.type(command);
        all.push(typed);
        if (CAPTURES) console.log(`--- ${page}, ${heading}\n$ ${command}\n${typed.said}`);
        assert.equal(typed.exitCode, 0, `${page}, ${heading}: ${command}\n${typed.said}`);
        said += typed.said;
      }
      const missing = shown === null ? null : lacking(shown, said);
      assert.equal(missing, null, `${page}, ${heading}: what is shown is not what one sees\n${said}`);
    }
    assert.deepEqual([...events.keys()], []);
    return all;
  }
});

const PAGES = ["README.md", "docs/first-backup.md", "docs/bad-day.md"];
const SOME_WORK = "mkdir -p code/notes && echo milk >code/notes/list && echo 'int main;' >code/main.c";

/** Everything is taken as it is proposed, but for these. */
const ANSWERS: readonly Answer[] = [
  [/continue connecting \(yes\/no/, `yes${ENTER}`],
  [/password( for chuck)?: *$/, PASSWORD + ENTER],
  [/Enter (?:file in which|passphrase|same passphrase)[^\n]*: *$/, ENTER],
  [/Address of the server/, `backup.lan${ENTER}`],
  [/Passphrase|The same again/, PASSPHRASE + ENTER],
  [/\(y\/N\)\s*$/, `y${ENTER}`],
  [/Type (\S+) to let it through/, `$1${ENTER}`],
];
const AT_HOME_ALONE: readonly Answer[] = [[/An encrypted off-site copy\?/, DOWN + DOWN + ENTER]];
const INTO_THE_BUCKET: readonly Answer[] = [
  [/An encrypted off-site copy\?/, DOWN + ENTER],
  [/Variable with the access key ID/, `R2_ACCESS_KEY_ID${ENTER}`],
  [/Variable with the secret access key/, `R2_SECRET_ACCESS_KEY${ENTER}`],
];

/** The program with the Node that it runs on, as a package has them. */
const INSTALL = `
root=$2 node=$3
tmp=$(mktemp -d); trap 'rm -r "$tmp"' EXIT
mkdir -p "$tmp/devbackup/node_modules/.bin"
cp -r "$root/dist" "$root/bin" "$tmp/devbackup/"; cp "$node" "$tmp/devbackup/node_modules/.bin/node"
tar c -C "$tmp" devbackup | ssh -F "$1" ws 'tar x -C /opt && ln -s /opt/devbackup/bin/devbackup /usr/local/bin/devbackup'`;

const timing = (page: string, typed: readonly Typed[]): string => {
  const sum = (of: (each: Typed) => number): number => typed.reduce((total, each) => total + of(each), 0);
  const [keys, waited] = [sum((each) => each.keys), sum((each) => each.seconds) / 60];
  const typing = keys / KEYS_A_MINUTE;
  return `${page}: ${typed.length} commands; ${keys} keys, at ${KEYS_A_MINUTE} a minute ${typing.toFixed(1)} min; waiting ${waited.toFixed(1)} min; together ${(typing + waited).toFixed(1)} min`;
};
