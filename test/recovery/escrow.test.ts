import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type AgeIdentity, parseAgeIdentity } from "../../src/recovery/age-file.ts";
import { openEscrow, parseEscrow } from "../../src/recovery/escrow.ts";
import { troubleOf } from "../transport/trouble.ts";
import {
  ageKey,
  dev,
  escrowText,
  type Inside,
  noTools,
  recipientLine,
  scratch,
  sealed,
  secretLine,
  signerOf,
  signKey,
} from "./tools.ts";

suite("an escrow", { skip: noTools }, async () => {
  const folder = scratch();
  const identityOf = async (key: string): Promise<AgeIdentity> => {
    const identity = await parseAgeIdentity(secretLine(key));
    assert(identity);
    return identity;
  };
  const backup = ageKey();
  const recovery = ageKey();
  const stranger = ageKey();
  const sign = signKey(folder, "sign");
  const otherSign = signKey(folder, "other");
  const inside: Inside = { dataset: "dev", backup, sign: sign.privateFile, signPublic: sign.publicFile };
  const identity = await identityOf(recovery);
  const opening = (text: string) => openEscrow([identity], sealed(text, [recipientLine(recovery)]), dev);

  test("opens, and gives both keys byte for byte, the recipient and the signer", async () => {
    const bytes = sealed(escrowText(inside), [recipientLine(stranger), recipientLine(recovery)]);
    assert.deepEqual(await openEscrow([await identityOf(ageKey()), identity], bytes, dev), {
      dataset: "dev",
      madeAt: "2090-01-31T03:00:00Z",
      backupIdentity: secretLine(backup),
      backupKeyFile: backup,
      recipient: recipientLine(backup),
      signKeyFile: sign.privateFile,
      signer: signerOf(sign),
    });
  });

  test("refused: another's, with the recipient that was tried", async () => {
    const bytes = sealed(escrowText(inside), [recipientLine(stranger)]);
    const trouble = await troubleOf(openEscrow([identity], bytes, dev));
    assert.equal(trouble.code, "escrow-not-ours");
    assert.equal(trouble.exitCode, 6);
    assert.ok(trouble.why?.includes(recipientLine(recovery)));
  });

  const broken: readonly { name: string; inside: Partial<Inside>; why: RegExp }[] = [
    { name: "another dataset's", inside: { dataset: "photos" }, why: /another dataset, photos/ },
    {
      name: "a mistyped age identity",
      inside: { backup: backup.replace(/.\n$/, "\n") },
      why: /age identity/,
    },
    { name: "two age identities", inside: { backup: backup + stranger }, why: /age identity/ },
    {
      name: "a sign key that is none",
      inside: { sign: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n" },
      why: /sign key/,
    },
    { name: "another sign key", inside: { sign: otherSign.privateFile }, why: /sign key/ },
    { name: "another public half", inside: { signPublic: otherSign.publicFile }, why: /sign key/ },
    { name: "the public half twice", inside: { sign: sign.publicFile }, why: /sign key/ },
    { name: "an ECDSA key", inside: twoHalves(signKey(folder, "ecdsa", "ecdsa")), why: /sign key/ },
    {
      name: "a sign key behind a passphrase",
      inside: twoHalves(signKey(folder, "locked", "ed25519", "secret")),
      why: /sign key/,
    },
  ];
  for (const { name, inside: wrong, why } of broken) {
    test(`refused: ${name}`, async () => {
      const trouble = await troubleOf(opening(escrowText({ ...inside, ...wrong })));
      assert.equal(trouble.code, "escrow-damaged");
      assert.equal(trouble.exitCode, 6);
      assert.match(trouble.why ?? "", why);
    });
  }

  const text = escrowText(inside);
  const malformed: readonly { name: string; text: string }[] = [
    { name: "nothing", text: "" },
    { name: "a newer version", text: text.replace("escrow 1", "escrow 2") },
    { name: "no dataset", text: text.replace("dataset dev\n", "") },
    { name: "a date that is none", text: text.replace("2090-01-31T03:00:00Z", "yesterday") },
    { name: "no end", text: text.replace(/end\n$/, "") },
    { name: "something after the end", text: `${text}file ls_dev_x\n` },
    { name: "a file with nothing in it", text: text.replace(/\| ssh-ed25519.*\n/, "") },
    { name: "a file of another name", text: text.replace("file ls_dev_sign.key", "file ../../etc/shadow") },
    {
      name: "files in another order",
      text: text.replace("_backup.key", "_x").replace("_sign.key", "_backup.key").replace("_x", "_sign.key"),
    },
    { name: "a line without its mark", text: text.replace("| AGE", "AGE") },
    { name: "CRLF", text: text.replaceAll("\n", "\r\n") },
  ];
  for (const { name, text } of malformed) {
    test(`refused: ${name}`, () => {
      assert.throws(
        () => parseEscrow(text, dev),
        (error: { trouble?: { code: string } }) => error.trouble?.code === "escrow-damaged",
      );
    });
  }

  test("cut off anywhere, or with a bit flipped anywhere, it is refused with exit 6 and no secret", async () => {
    const whole = sealed(text, [recipientLine(recovery)]);
    const cut = Array.from({ length: whole.length }, (_, at) => whole.subarray(0, at));
    const flipped = Array.from(whole, (byte, at) => {
      const copy = Buffer.from(whole);
      copy[at] = byte ^ (1 << (at % 8));
      return copy;
    });
    for (const bytes of [
      ...cut.filter((_, at) => at % 7 === 0),
      ...flipped.filter((_, at) => at % 5 === 0 || at < 250),
    ]) {
      const trouble = await troubleOf(openEscrow([identity], bytes, dev));
      assert.match(trouble.code, /^escrow-(damaged|not-ours)$/);
      assert.equal(trouble.exitCode, 6);
      assert.doesNotMatch(JSON.stringify(trouble), /AGE-SECRET|PRIVATE KEY/);
    }
  });

  test("refused without reading it: more bytes than any escrow has", async () => {
    const trouble = await troubleOf(openEscrow([identity], Buffer.alloc(70_000), dev));
    assert.match(trouble.why ?? "", /70000 bytes/);
  });

  test("a passphrase in the escrow's place costs nothing: it is not ours", async () => {
    const hostile = `age-encryption.org/v1\n-> scrypt ${"A".repeat(22)} 20\n${"A".repeat(43)}\n--- ${"A".repeat(43)}\n`;
    const trouble = await troubleOf(openEscrow([identity], Buffer.from(hostile), dev));
    assert.equal(trouble.code, "escrow-not-ours");
  });
});

function twoHalves({
  privateFile,
  publicFile,
}: {
  privateFile: string;
  publicFile: string;
}): Partial<Inside> {
  return { sign: privateFile, signPublic: publicFile };
}
