import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { verifySignature } from "../../src/recovery/signature.ts";
import { fingerprintOf } from "../../src/transport/hash.ts";
import { troubleOf } from "../transport/trouble.ts";
import { noTools, scratch, signed, signerOf, signKey } from "./tools.ts";

suite("the manifest's signature", { skip: noTools }, () => {
  const folder = scratch();
  const key = signKey(folder, "sign");
  const signer = signerOf(key);
  const stranger = signKey(folder, "stranger");
  const manifest = Buffer.from("ts\tlabel\n2090-01-31T03:00:00Z\t2090-01\n");
  const newer = Buffer.concat([manifest, Buffer.from("2090-02-28T03:00:00Z\t2090-02\n")]);
  const good = signed(manifest, key);
  const goodNewer = signed(newer, key);

  const rows: readonly { name: string; signature: string; is: "good" | "wrong" | "missing" }[] = [
    { name: "of these bytes", signature: good, is: "good" },
    { name: "of these bytes, empty lines around it", signature: `\n${good}\n`, is: "good" },
    { name: "the second of two", signature: goodNewer + good, is: "good" },
    { name: "the first of two", signature: good + goodNewer, is: "good" },
    { name: "a stranger's, then a good one", signature: signed(manifest, stranger) + good, is: "good" },
    { name: "none", signature: "", is: "missing" },
    { name: "white space", signature: " \n\n", is: "missing" },
    { name: "of other bytes", signature: goodNewer, is: "wrong" },
    { name: "a stranger's", signature: signed(manifest, stranger), is: "wrong" },
    { name: "made for something else", signature: signed(manifest, key, "git"), is: "wrong" },
    { name: "of an RSA key", signature: signed(manifest, signKey(folder, "rsa", "rsa")), is: "wrong" },
    { name: "some text", signature: "not found", is: "wrong" },
    { name: "an empty block", signature: good.replace(/\n[^-]+\n/, "\n"), is: "wrong" },
    { name: "a block that does not end", signature: good.slice(0, -20), is: "wrong" },
    { name: "three blocks", signature: goodNewer + goodNewer + good, is: "wrong" },
  ];
  for (const { name, signature, is } of rows) {
    test(`${is}: ${name}`, async () => {
      assert.equal(await verifySignature({ manifest, signature, signer }), is);
    });
  }

  test("wrong: these bytes and one more", async () => {
    const longer = Buffer.concat([manifest, Buffer.from("\n")]);
    assert.equal(await verifySignature({ manifest: longer, signature: good, signer }), "wrong");
  });

  test("wrong, without looking any further: a block of a megabyte", async () => {
    const signature = good.replace(/\n[^-]+\n/, `\n${"A".repeat(1_000_000)}\n`);
    const checking = verifySignature({ manifest, signature, signer }, { PATH: "/nowhere" });
    assert.equal(await checking, "wrong");
  });

  test("good and wrong: 30 MB", async () => {
    const large = randomBytes(30_000_000);
    const signature = signed(large, key);
    assert.equal(await verifySignature({ manifest: large, signature, signer }), "good");
    assert.equal(await verifySignature({ manifest: large, signature: good, signer }), "wrong");
  });

  test("nothing stays in the folder for temporary files", async () => {
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      assert.equal(await verifySignature({ manifest, signature: goodNewer + good, signer }), "good");
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
    assert.deepEqual(readdirSync(temporary), []);
  });

  test("no ssh-keygen: said, with what to install", async () => {
    const checking = verifySignature({ manifest, signature: good, signer }, { PATH: "/nowhere" });
    const trouble = await troubleOf(checking);
    assert.equal(trouble.code, "no-ssh-keygen");
    assert.equal(trouble.exitCode, 1);
  });

  test("the fingerprint is the one that ssh-keygen -l shows", () => {
    const shown = execFileSync("ssh-keygen", ["-lf", `${key.file}.pub`], { encoding: "utf8" });
    assert.equal(fingerprintOf(signer), /SHA256:\S+/.exec(shown)?.[0]);
  });
});
