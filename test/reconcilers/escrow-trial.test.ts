import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import type { AgeRecipient, HostName, Sha256, Signer } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { escrowFingerprint } from "../../src/reconcilers/keys/escrow-files.ts";
import { type EscrowTrial, tryEscrow } from "../../src/reconcilers/keys/escrow-trial.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { facts } from "./rows.ts";
import { desired, KEYS, SIGNER } from "./world.ts";

const ESCROW = Buffer.from("an escrow");
const RECIPIENT = `age1${"q".repeat(58)}` as AgeRecipient;
const SHA256 = sha256Of(ESCROW) as Sha256;
const ZSTD = "28b52ffd\n";

const state = { ...desired(), recoveryRecipients: [RECIPIENT] };
const [spec = assert.fail()] = state.datasets;
const escrow = {
  keysSha256: KEYS,
  sha256: SHA256,
  rights: "440 0",
  madeAt: new Date(0),
  noted: { sha256: SHA256, fingerprint: escrowFingerprint(KEYS, [RECIPIENT]) },
  tested: null,
};
const opened = {
  madeAt: "2026-01-01T00:00:00Z",
  recipient: RECIPIENT,
  signer: SIGNER,
  backupIdentity: "AGE-SECRET-KEY-1",
};

/** What is said of each thing that failed, or `ok`; and whether the server was told to note that all of it holds. */
async function tried(given: Partial<EscrowTrial> & { readonly artifactBegins?: string }) {
  const { artifactBegins = ZSTD, ...more } = given;
  let noted = false;
  const run = async (script: string) => {
    if (script.includes("escrow.tested")) noted = true;
    const stdout = script.includes("base64")
      ? ESCROW.toString("base64")
      : script.includes("age -d")
        ? artifactBegins
        : "";
    return { exitCode: 0, stdout, stderr: "" };
  };
  const never = async (): Promise<never> => assert.fail();
  const checks = await tryEscrow({
    spec,
    desired: state,
    facts: { ...facts, escrow: known(escrow) },
    inBucket: undefined,
    server: { name: "ls" as HostName, run, start: never, shellArgv: () => assert.fail(), close: never },
    bucket: never,
    copies: [["on this machine", async () => ESCROW]],
    open: async () => opened,
    isSigned: async () => true,
    now: new Date(0),
    ...more,
  });
  return { noted, said: checks.map(({ ok, said }) => (ok ? "ok" : said)) };
}

describe("an escrow that is tried", () => {
  test("holds, which is noted", async () => {
    assert.deepEqual(await tried({}), { noted: true, said: ["ok", "ok", "ok", "ok", "ok"] });
  });

  const refused = new DevbackupError({
    code: "escrow-not-ours",
    exitCode: 6,
    what: "not ours",
    why: "others'",
  });
  for (const [name, given, said] of [
    [
      "no identity opens it",
      { open: () => Promise.reject(refused) },
      ["not ours: others'", "not ours: others'"],
    ],
    [
      "a copy is missing",
      { copies: [["in the bucket", async () => undefined]] },
      ["ok", "there is none: devbackup keys escrow", "ok", "ok", "ok"],
    ],
    [
      "a copy is of another day",
      { copies: [["in the bucket", async () => Buffer.from("older")]] },
      ["ok", "opens, but is not today's; made 2026-01-01T00:00:00Z: devbackup keys escrow", "ok", "ok", "ok"],
    ],
    [
      "its keys are another server's",
      { open: async () => ({ ...opened, signer: `${SIGNER}x` as Signer }) },
      ["ok", "ok", "not those of ls: the sign key", "ok", "ok"],
    ],
    [
      "the artifact does not open",
      { artifactBegins: "\nno identity matched" },
      ["ok", "ok", "ok", "does not open with the identity in the escrow (on ls): no identity matched", "ok"],
    ],
    [
      "the manifest is somebody else's",
      { isSigned: async () => false },
      ["ok", "ok", "ok", "ok", /^not signed by the signer in the escrow/],
    ],
  ] as const)
    test(`is not noted where ${name}`, async () => {
      const found = await tried(given);
      assert.equal(found.noted, false);
      assert.equal(found.said.length, said.length, found.said.join("; "));
      for (const [at, words] of said.entries())
        if (words instanceof RegExp) assert.match(found.said[at] ?? "", words);
        else assert.equal(found.said[at], words);
    });
});
