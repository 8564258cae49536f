import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostName } from "../../src/domain/names.ts";
import { RECONCILERS, restorers } from "../../src/reconcilers/all.ts";
import { allowedScripts } from "../../src/restrict/allowed.ts";
import { BEHIND_END } from "../../src/restrict/pattern.ts";
import { restrictionOf } from "../../src/restrict/restriction.ts";
import { desired } from "../reconcilers/world.ts";

const server = "ls" as HostName;

/** Root's alone, with a key that opens other hosts. */
const SCHEDULE = ["schedule-program", "schedule-key", "schedule-login", "schedule", "unschedule"];

/** Who does what each kind of action does on the server. */
const BY: Record<"restricted" | "administrator" | "elsewhere", readonly string[]> = {
  restricted: [
    "artifact",
    "register",
    "fingerprint",
    "hydrate",
    "set-aside-snapshot",
    "verify",
    "working-copy",
    "drill",
    "upload",
    "upload-manifest",
    "upload-escrow",
    "escrow-copy",
    "fetch",
    "sign",
    "extract",
    "receive",
    "retention",
  ],
  administrator: [
    "packages",
    "restrict",
    "scripts",
    "layout",
    "key",
    "sign-key",
    "escrow",
    "set-aside",
  ].concat(SCHEDULE),
  elsewhere: [
    "subvolume",
    "hooks",
    "snapshot",
    "worktree",
    "abort-upload",
    "outlook",
    "trust-signer",
    "bucket-lock",
  ],
};

test("of every kind of action it is decided who does it on a server with a restricted login", () => {
  const kinds = new Set([...RECONCILERS, ...restorers(true), ...restorers(false)].map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), Object.values(BY).flat().sort());
});

test("what may only add is a part of what may do everything", async () => {
  const [full, adding] = await Promise.all(
    (["full", "add-only"] as const).map((level) => allowedScripts(desired(), server, level)),
  );
  assert.ok(full && adding);
  for (const set of ["scripts", "withAddress", "signals"] as const)
    assert.deepEqual(
      adding[set].filter((line) => !full[set].includes(line)),
      [],
    );
  assert.ok(adding.scripts.length < full.scripts.length);
});

test("every line is one end and one pattern, and names what stands in for nothing", async () => {
  const { scripts, withAddress, signals } = await allowedScripts(desired(), server, "full");
  for (const line of [...scripts, ...withAddress, ...signals]) {
    assert.equal(line.split(BEHIND_END).length, 2);
    assert.doesNotMatch(line, /hole(?:\\\.|-)|777\d{10}|\n/);
  }
});

test("two looks at one desired state come to the same: else every plan would have something to mend", async () => {
  const [host] = [...desired().hosts.values()].filter(({ name }) => name === server);
  assert.ok(host);
  const restrict = { level: "full", login: "devbackup", publicKey: "ssh-ed25519 AAAA", admin: null } as const;
  const look = () => restrictionOf(desired(), { ...host, restrict });
  assert.deepEqual(await look(), await look());
});
