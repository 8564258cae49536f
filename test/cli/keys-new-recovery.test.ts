import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { parseAgeRecipient } from "../../src/domain/names.ts";
import { recipientOf } from "../../src/recovery/age-file.ts";
import { openIdentity } from "../../src/recovery/identity.ts";
import { recoveryPage } from "../../src/recovery/page.ts";
import { onTerminal } from "../recovery/on-terminal.ts";
import { noTools, scratch, sealed } from "../recovery/tools.ts";
import { codeOf } from "./qr-code.ts";

const PASSPHRASE = "winter boot clay 7 Ähre";
const COMMAND = `
const { keysNewRecoveryCommand } = await import(${JSON.stringify(import.meta.resolve("../../src/cli/keys-new-recovery.ts"))});
const { showError } = await import(${JSON.stringify(import.meta.resolve("../../src/cli/show-error.ts"))});
const flags = JSON.parse(process.argv[1]);
process.exitCode = await keysNewRecoveryCommand(flags).catch((error) => showError(error, flags));
`;
const argv = (flags: object): string[] => [
  ...["--import", import.meta.resolve("tsx"), "--input-type=module", "-e", COMMAND],
  JSON.stringify({ color: false, ...flags }),
];

suite("keys new-recovery", { skip: noTools }, () => {
  const folder = scratch();
  const passphraseFile = join(folder, "passphrase");
  writeFileSync(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  /** Off a terminal, in a folder of its own. */
  const run = (flags: object, cwd = mkdtempSync(join(folder, "run-"))) => {
    const done = spawnSync(process.execPath, argv(flags), { cwd, encoding: "utf8" });
    return { ...done, cwd, file: (name: string) => readFileSync(join(cwd, name), "utf8") };
  };

  suite("off a terminal", () => {
    let made: ReturnType<typeof run>;
    let recipient: string;
    before(() => {
      made = run({ passphraseFile, json: true });
      recipient = JSON.parse(made.stdout).recipient;
    });

    test("says the recipient, and the lines for the desired state", () => {
      assert.deepEqual(JSON.parse(made.stdout), {
        formatVersion: 1,
        recipient,
        identityFile: "devbackup-recovery.age",
        page: "devbackup-recovery.html",
      });
      assert.match(made.stderr, new RegExp(`^encryption:\n  recovery_recipients:\n    - ${recipient}$`, "m"));
    });

    test("writes two files that nobody else can read", () => {
      assert.deepEqual(readdirSync(made.cwd).sort(), ["devbackup-recovery.age", "devbackup-recovery.html"]);
      for (const name of readdirSync(made.cwd))
        assert.equal(statSync(join(made.cwd, name)).mode & 0o777, 0o600);
    });

    test("the identity opens with the real age what is encrypted to the recipient", async () => {
      writeFileSync(join(made.cwd, "secret.age"), sealed("the server's keys\n", [recipient]));
      const identity = join(made.cwd, "devbackup-recovery.age");
      const opened = await onTerminal(
        ["age", "-d", "-i", identity, join(made.cwd, "secret.age")],
        [["Enter passphrase", PASSPHRASE]],
      );
      assert.equal(opened.exitCode, 0);
      assert.match(opened.screen, /the server's keys/);
    });

    test("and with devbackup", async () => {
      const opened = await openIdentity(join(made.cwd, "devbackup-recovery.age"), async () => PASSPHRASE);
      assert.deepEqual(await Promise.all(opened.identities.map(recipientOf)), [recipient]);
    });

    test("the page holds the identity as text and as a code, its recipient, and no passphrase", () => {
      const page = made.file("devbackup-recovery.html");
      const locked = made.file("devbackup-recovery.age");
      assert.equal(`${/<pre>([^<]*)<\/pre>/.exec(page)?.[1]}\n`, locked);
      assert.equal(codeOf(page), locked);
      assert.ok(page.includes(recipient));
      for (const absent of [PASSPHRASE, "winter", "<script", "src=", "href=", "url("])
        assert.ok(!page.includes(absent), absent);
    });
  });

  const refused: readonly {
    name: string;
    flags: object;
    code: string;
    there?: string;
    passphrase?: string;
  }[] = [
    { name: "no passphrase file", flags: { passphraseFile: undefined }, code: "no-passphrase" },
    {
      name: "a passphrase file that is not there",
      flags: { passphraseFile: "none" },
      code: "passphrase-unreadable",
    },
    { name: "an empty passphrase", flags: {}, passphrase: "\n", code: "passphrase-refused" },
    { name: "a short passphrase", flags: {}, passphrase: "hunter2", code: "passphrase-refused" },
    { name: "an identity that is there", flags: {}, there: "devbackup-recovery.age", code: "already-there" },
    { name: "a page that is there", flags: {}, there: "devbackup-recovery.html", code: "already-there" },
    { name: "one file for both", flags: { out: "x", page: "./x" }, code: "same-file" },
    {
      name: "a page in a folder that is not there",
      flags: { page: "none/x.html" },
      code: "identity-unwritten",
    },
  ];
  for (const { name, flags, code, there, passphrase } of refused) {
    test(`refused, and nothing written: ${name}`, () => {
      const cwd = mkdtempSync(join(folder, "refused-"));
      if (there !== undefined) writeFileSync(join(cwd, there), "kept");
      const file = join(mkdtempSync(join(folder, "passphrase-")), "file");
      writeFileSync(file, passphrase ?? PASSPHRASE, { mode: 0o600 });
      const done = run({ passphraseFile: file, json: true, ...flags }, cwd);
      assert.equal(done.status, 1);
      assert.equal(JSON.parse(done.stdout).error.code, code);
      assert.deepEqual(readdirSync(cwd), there === undefined ? [] : [there]);
      if (there !== undefined) assert.equal(done.file(there), "kept");
      assert.doesNotMatch(done.stdout + done.stderr, /hunter2|winter/);
    });
  }

  suite("on a terminal", () => {
    const ask = (out: string, answers: Parameters<typeof onTerminal>[1]) =>
      onTerminal([process.execPath, ...argv({ out })], answers);

    test("a passphrase is asked for twice; a short one and another one are asked for again", async () => {
      const out = join(folder, "asked.age");
      const { exitCode, screen } = await ask(out, [
        ["Enter: make one up", "short"],
        ["fewer than 12", `\x15${PASSPHRASE}`],
        ["The same again", "another one"],
        ["Not the same. Passphrase", PASSPHRASE],
        ["The same again", PASSPHRASE],
      ]);
      assert.equal(exitCode, 0, screen);
      assert.ok(!screen.includes("winter"), "what is typed is not shown");
      assert.equal((await openIdentity(out, async () => PASSPHRASE)).identities.length, 1);
      assert.ok(existsSync(join(folder, "asked.html")));
    });

    test("Enter: one is made up, shown once, asked for, and opens the identity", async () => {
      const out = join(folder, "made-up");
      const shown = (screen: string) =>
        /^\s+((?:[2-9a-z]{5}-){5}[2-9a-z]{5})\s*$/m.exec(screen)?.[1] ?? "none";
      const { exitCode, screen } = await ask(out, [
        ["Enter: make one up", ""],
        ["The same again", "a slip"],
        ["Not the same. The same again", shown],
      ]);
      assert.equal(exitCode, 0, screen);
      assert.equal((await openIdentity(out, async () => shown(screen))).identities.length, 1);
      const page = readFileSync(`${out}.html`, "utf8");
      assert.ok(!page.includes(shown(screen)));
    });

    test("Ctrl-C at the question: exit 130, nothing written", async () => {
      const out = join(mkdirSync(join(folder, "stopped"), { recursive: true }) ?? folder, "x.age");
      const { exitCode } = await ask(out, [["Enter: make one up", "\x03"]]);
      assert.equal(exitCode, 130);
      assert.ok(!existsSync(out));
    });
  });

  test("a file's name stands on the page as a word of the shell, and as text", () => {
    const recipient = parseAgeRecipient(`age1${"q".repeat(58)}`);
    assert(recipient);
    const fileName = "<b>my key's";
    const page = recoveryPage({ recipient, locked: "x", madeAt: new Date(0), fileName });
    assert.ok(!page.includes("<b>my"));
    const word = /age -d (.*)<\/kbd>/
      .exec(page)?.[1]
      ?.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
    assert.equal(execFileSync("sh", ["-c", `printf %s ${word}`], { encoding: "utf8" }), fileName);
  });
});
