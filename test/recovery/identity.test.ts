import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { armor } from "age-encryption";
import { openWithPassphrase, recipientOf } from "../../src/recovery/age-file.ts";
import { openIdentity } from "../../src/recovery/identity.ts";
import { generatedPassphrase, newIdentity, passphraseProblem } from "../../src/recovery/new-identity.ts";
import { troubleOf } from "../transport/trouble.ts";
import { onTerminal } from "./on-terminal.ts";
import { ageKey, noTools, recipientLine, scratch, sealed, secretLine, signKey } from "./tools.ts";

const PASSPHRASE = "winter boot clay 7 Ähre";
const NOW = new Date("2090-01-31T03:00:00Z");

suite("a recovery identity is opened", { skip: noTools }, () => {
  const folder = scratch();
  const saved = (name: string, content: string | Uint8Array, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode });
    return path;
  };
  const never = () => assert.fail("asked for a passphrase");
  const key = ageKey();
  const secret = secretLine(key);

  for (const armored of [true, false]) {
    test(`made by age-keygen | age -p, ${armored ? "armored" : "binary"}`, async () => {
      const plain = saved("plain", key);
      const file = join(folder, `by-age-${armored}`);
      await onTerminal(
        ["age", "-p", ...(armored ? ["-a"] : []), "-o", file, plain],
        [
          ["Enter passphrase", PASSPHRASE],
          ["Confirm passphrase", PASSPHRASE],
        ],
      );
      const opened = await openIdentity(file, async () => PASSPHRASE);
      assert.deepEqual(opened, { identities: [secret], warnings: [] });
      assert.deepEqual(await Promise.all(opened.identities.map(recipientOf)), [recipientLine(key)]);
      assert.equal((await troubleOf(openIdentity(file, async () => "wrong"))).code, "wrong-passphrase");
    });
  }

  test("typed from its page: spaces around lines, CRLF, empty lines", async () => {
    const { recipient, locked } = await newIdentity(PASSPHRASE, NOW);
    const typed = saved("typed", `\r\n${locked.replaceAll("\n", "  \r\n ")}\r\n`);
    const { identities } = await openIdentity(typed, async () => PASSPHRASE);
    assert.deepEqual(await Promise.all(identities.map(recipientOf)), [recipient]);
  });

  const other = secretLine(ageKey());
  const plain: readonly { name: string; text: string; found: readonly string[] }[] = [
    { name: "as age-keygen writes it", text: key, found: [secret] },
    { name: "the line alone, no line feed", text: secret, found: [secret] },
    { name: "two of them, CRLF", text: `# a\r\n${secret}\r\n\r\n${other}\r\n`, found: [secret, other] },
  ];
  for (const { name, text, found } of plain) {
    test(`plain: ${name}`, async () => {
      assert.deepEqual(await openIdentity(saved("identity", text), never), {
        identities: found,
        warnings: [],
      });
    });
  }

  test("plain and readable for others: used, and warned of", async () => {
    const { identities, warnings } = await openIdentity(saved("open", key, 0o644), never);
    assert.deepEqual(identities, [secret]);
    assert.match(warnings.join(), /open has mode 0644: others can use this identity; chmod 600 it/);
  });

  const mistyped = secret.replace(/.$/, (last) => (last === "Q" ? "P" : "Q"));
  const refused: readonly { name: string; content: () => string | Uint8Array; code: string }[] = [
    { name: "an empty file", content: () => "", code: "no-identity" },
    { name: "comments alone", content: () => "# nothing\n", code: "no-identity" },
    { name: "some other text", content: () => "password: hunter2\n", code: "no-identity" },
    { name: "a big file", content: () => Buffer.alloc(5_000_000, "#"), code: "no-identity" },
    { name: "a recipient", content: () => recipientLine(key), code: "no-identity" },
    { name: "the escrow", content: () => sealed("x", [recipientLine(key)]), code: "no-identity" },
    { name: "a wrong letter", content: () => mistyped, code: "identity-damaged" },
    { name: "a missing letter", content: () => secret.slice(0, -1), code: "identity-damaged" },
    { name: "an SSH key", content: () => signKey(folder, "ssh").privateFile, code: "identity-unsupported" },
    { name: "a plugin's", content: () => "AGE-PLUGIN-YUBIKEY-1QYGS\n", code: "identity-unsupported" },
    {
      name: "a post-quantum one",
      content: () => `AGE-SECRET-KEY-PQ-1${"Q".repeat(60)}`,
      code: "identity-unsupported",
    },
    {
      name: "an armored file that ends early",
      content: () => armor.encode(Buffer.alloc(99)).slice(0, 120),
      code: "identity-damaged",
    },
    { name: "an age file of nothing", content: () => "age-encryption.org/v1\n", code: "identity-damaged" },
    { name: "a work factor that takes hours", content: () => scryptFile(30), code: "identity-unsupported" },
  ];
  for (const { name, content, code } of refused) {
    test(`refused without asking: ${name}`, async () => {
      const trouble = await troubleOf(openIdentity(saved("refused", content()), never));
      assert.equal(trouble.code, code);
      assert.equal(trouble.exitCode, 1);
      assert.ok(trouble.next);
      assert.doesNotMatch(
        JSON.stringify(trouble),
        /[A-Z0-9]{40}|hunter2/,
        "what is in the file is not shown",
      );
    });
  }

  test("refused: no such file, and a folder", async () => {
    assert.equal((await troubleOf(openIdentity(join(folder, "none"), never))).code, "identity-missing");
    assert.equal((await troubleOf(openIdentity(folder, never))).code, "identity-unreadable");
  });

  test("age-encryption itself stops at a work factor of 20: 1 GiB of memory", async () => {
    const opened = await openWithPassphrase("x", Buffer.from(scryptFile(21)));
    assert.deepEqual(opened, { kind: "damaged", why: "scrypt work factor is too high" });
  });

  test("refused: what a passphrase opens is damaged, or no identity", async () => {
    const { locked } = await newIdentity(PASSPHRASE, NOW);
    const binary = armor.decode(locked);
    const short = saved("short", binary.subarray(0, -1));
    assert.equal((await troubleOf(openIdentity(short, async () => PASSPHRASE))).code, "identity-damaged");
  });
});

suite("a new identity's passphrase", () => {
  test("one that is made up has six groups without look-alikes, and is another each time", () => {
    const made = Array.from({ length: 50 }, generatedPassphrase);
    for (const passphrase of made) {
      assert.match(passphrase, /^([2-9a-hjkmnp-z]{5}-){5}[2-9a-hjkmnp-z]{5}$/);
      assert.equal(passphraseProblem(passphrase), undefined);
    }
    assert.equal(new Set(made).size, 50);
  });

  const judged: readonly [passphrase: string, problem: RegExp | undefined][] = [
    ["", /empty/],
    ["elf letters", /fewer than 12/],
    ["aaaaaaaaaaaaaaaaaaaa", /different/],
    [" correct horse battery", /space/],
    ["correct horse\nbattery", /several lines/],
    ["correct horse battery staple", undefined],
    ["zwölf Zeichen", undefined],
  ];
  for (const [passphrase, problem] of judged) {
    test(JSON.stringify(passphrase), () => {
      if (problem === undefined) assert.equal(passphraseProblem(passphrase), undefined);
      else assert.match(passphraseProblem(passphrase) ?? "", problem);
    });
  }
});

/** The header of a file whose passphrase takes 2^logN rounds; the rest is of no matter. */
const scryptFile = (logN: number): string =>
  `age-encryption.org/v1\n-> scrypt ${"A".repeat(22)} ${logN}\n${"A".repeat(43)}\n--- ${"A".repeat(43)}\n${" ".repeat(50)}`;
