import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";
import { type AgeIdentity, parseAgeIdentity } from "../../src/recovery/age-file.ts";
import { openManifest } from "../../src/recovery/manifest.ts";
import { troubleOf } from "../transport/trouble.ts";
import { ageKey, noTools, recipientLine, sealed, secretLine } from "./tools.ts";

suite("the bucket's manifest", { skip: noTools }, async () => {
  const server = ageKey();
  const recovery = ageKey();
  const recipients = [recipientLine(server), recipientLine(recovery)];
  const identityOf = async (key: string): Promise<AgeIdentity> => {
    const identity = await parseAgeIdentity(secretLine(key));
    assert(identity);
    return identity;
  };
  const identity = await identityOf(recovery);

  for (const size of [0, 1, 65_536, 8_000_000]) {
    test(`${size} bytes open with the server's identity and with the recovery identity`, async () => {
      const manifest = randomBytes(size);
      const bytes = sealed(manifest, recipients);
      for (const key of [server, recovery])
        assert.ok(manifest.equals(await openManifest([await identityOf(key)], bytes)));
    });
  }

  const whole = sealed(randomBytes(200_000), recipients);
  const flipped = Buffer.from(whole);
  flipped[150_000] = (flipped[150_000] ?? 0) ^ 1;
  const stanza = `-> X25519 ${"CQ".repeat(21)}A\n${"A".repeat(43)}\n`;
  const damaged: readonly { name: string; bytes: Uint8Array; why: RegExp }[] = [
    { name: "nothing", bytes: Buffer.alloc(0), why: /age file/ },
    { name: "not encrypted", bytes: Buffer.from("ts\tlabel\n"), why: /age file/ },
    { name: "cut off in the header", bytes: whole.subarray(0, 100), why: /age file/ },
    { name: "cut off between two chunks", bytes: whole.subarray(0, -3_000), why: /./ },
    { name: "cut off by a byte", bytes: whole.subarray(0, -1), why: /./ },
    { name: "a bit flipped", bytes: flipped, why: /./ },
    { name: "something behind it", bytes: Buffer.concat([whole, Buffer.from("x")]), why: /./ },
    { name: "another's", bytes: sealed("x", [recipientLine(ageKey())]), why: /not encrypted to any of age1/ },
    {
      name: "a header of 400,000 recipients",
      bytes: Buffer.from(`age-encryption.org/v1\n${stanza.repeat(400_000)}--- ${"A".repeat(43)}\n`),
      why: /age file/,
    },
    { name: "a line without an end", bytes: Buffer.alloc(60_000_000, "a"), why: /age file/ },
    { name: "100 MB", bytes: Buffer.alloc(100_000_000), why: /100000000 bytes/ },
  ];
  for (const { name, bytes, why } of damaged) {
    test(`refused at once: ${name}`, async () => {
      const start = performance.now();
      const trouble = await troubleOf(openManifest([identity], bytes));
      assert.equal(trouble.code, "cloud-manifest-damaged");
      assert.equal(trouble.exitCode, 6);
      assert.match(trouble.why ?? "", why);
      assert.ok(performance.now() - start < 2_000);
    });
  }

  test("as many recipients as a header may have are tried in a few seconds", async () => {
    const header = `age-encryption.org/v1\n${stanza.repeat(600)}--- ${"A".repeat(43)}\n`;
    const start = performance.now();
    await troubleOf(openManifest([identity, await identityOf(server)], Buffer.from(header)));
    assert.ok(performance.now() - start < 5_000);
  });
});
