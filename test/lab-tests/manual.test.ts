import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { type Block, blocksOf, lacking } from "../lab/page.ts";
import { PASSPHRASE } from "../lab/secrets.ts";
import { type Answer, type Typed, type Typist, typist } from "../lab/typist.ts";

const ROOT = join(import.meta.dirname, "../..");
const [ENTER, DOWN] = ["\r", "\u001b[B"];
/** Of chuck on both machines. */
const PASSWORD = "correct horse";
/** A person at a keyboard, in keys a minute. */
const KEYS_A_MINUTE = 200;
const LABEL = new Date().toISOString().slice(0, 7);

describe("what the manual's pages say is typed, as it stands there", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let chuck: Typist;
  before(async () => {
    lab = await startLab();
    await Promise.all([ready("ws"), ready("ls")]);
    chuck = at([]);
  });
  after(() => lab?.stop());

  test("docs/first-backup.md, from two bare machines", async (context) => {
    const typed = await typeAll(blocksOf("docs/first-backup.md"), {
      answers: [[/An encrypted off-site copy\?/, `${DOWN}${DOWN}${ENTER}`]],
    });
    context.diagnostic(timing("docs/first-backup.md", typed));
  });

  /** What a person has before they begin: a machine, a user with a password and sudo, and on the workstation some work, and devbackup. */
  async function ready(machine: Machine): Promise<void> {
    await lab.must(machine, "useradd -m -s /bin/bash -G sudo chuck && chpasswd", {
      input: `chuck:${PASSWORD}\n`,
    });
    if (machine === "ls") return;
    await lab.must("ws", `echo ${lab.addresses.ls} backup.lan >>/etc/hosts`);
    await lab.must(
      "ws",
      "mkdir -p code/notes && echo milk >code/notes/list && echo 'int main;' >code/main.c",
      {
        user: "chuck",
      },
    );
    execFileSync("sh", ["-c", INSTALL, "sh", lab.sshConfig, ROOT, process.execPath]);
  }

  const at = (answers: readonly Answer[]): Typist =>
    typist(lab, "ws", "chuck", {
      answers: [...answers, ...ANSWERS],
      replaced: [[/\b2026-03\b/, LABEL]],
    });

  /** Types the blocks in order. @throws where a command ends otherwise than the page says, or shows something else */
  async function typeAll(
    blocks: readonly Block[],
    { answers = [] }: { readonly answers?: readonly Answer[] } = {},
  ): Promise<Typed[]> {
    chuck = at(answers);
    const all: Typed[] = [];
    for (const { page, heading, commands, shown, notRun } of blocks) {
      if (notRun !== null) continue;
      let said = "";
      for (const command of commands) {
        const typed = await chuck.type(command);
        all.push(typed);
        if (process.env.MANUAL_CAPTURES !== undefined)
          console.log(`--- ${page}, ${heading}\n$ ${command}\n${typed.said}`);
        assert.equal(typed.exitCode, 0, `${page}, ${heading}: ${command}\n${typed.said}`);
        said += typed.said;
      }
      if (shown !== null)
        assert.equal(
          lacking(shown, said),
          null,
          `${page}, ${heading}: what is shown is not what one sees\n${said}`,
        );
    }
    return all;
  }
});

/** Everything is taken as it is proposed, but for these. */
const ANSWERS: readonly Answer[] = [
  [/continue connecting \(yes\/no/, `yes${ENTER}`],
  [/password( for chuck)?: *$/, `${PASSWORD}${ENTER}`],
  [/Enter (file in which|passphrase|same passphrase)[^\n]*: *$/, ENTER],
  [/Address of the server/, `backup.lan${ENTER}`],
  [/Passphrase for the recovery identity|The same again/, `${PASSPHRASE}${ENTER}`],
  [/\(y\/N\) *$/, `y${ENTER}`],
  [/Type (?<id>\S+) to let it through/, `subvolume:dev${ENTER}`],
];

/** What the package does that the README has one install. */
const INSTALL = `
root=$2 node=$3
tmp=$(mktemp -d); trap 'rm -r "$tmp"' EXIT
mkdir -p "$tmp/devbackup/node_modules/.bin"
cp -r "$root/dist" "$root/bin" "$tmp/devbackup/"; cp "$node" "$tmp/devbackup/node_modules/.bin/node"
tar c -C "$tmp" devbackup | ssh -F "$1" ws 'tar x -C /opt && ln -s /opt/devbackup/bin/devbackup /usr/local/bin/devbackup'`;

const timing = (page: string, typed: readonly Typed[]): string => {
  const [keys, seconds] = [
    typed.reduce((sum, each) => sum + each.keys, 0),
    typed.reduce((sum, each) => sum + each.seconds, 0),
  ];
  const minutes = keys / KEYS_A_MINUTE;
  return `${page}: ${keys} keys, ${minutes.toFixed(1)} min of typing; ${typed.length} commands took ${(seconds / 60).toFixed(1)} min; together ${(minutes + seconds / 60).toFixed(1)} min`;
};
