import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { known, unknown } from "../../src/domain/fact.ts";
import { OTHER, told } from "./damages.ts";
import { facts, THREE } from "./rows.ts";
import { recovered } from "./wiped.ts";
import { folder, planOf, received, remembered, SIGNER, SRV, subvolume } from "./world.ts";

describe("the keys on the server", () => {
  const key = facts.key.kind === "known" ? facts.key.value : assert.fail();
  const signKey = facts.signKey.kind === "known" ? facts.signKey.value : assert.fail();
  told([
    {
      damage: "the age identity that age can make nothing of: no other is made, and none is put into escrow",
      change: { key: known({ ...key, derived: null }) },
      refused: "key-damaged",
      named: /\/srv\/dev\/keys\/ls_dev_backup\.key is damaged/,
      next: /devbackup apply --restore latest --identity FILE puts it back from the escrow/,
    },
    {
      damage: "the sign key that ssh-keygen can make nothing of",
      change: { signKey: known({ ...signKey, derived: null }) },
      refused: "sign-key-damaged",
      named: /\/srv\/dev\/keys\/ls_dev_sign\.key is damaged/,
      next: /devbackup apply --restore latest --identity FILE puts it back from the escrow/,
    },
    {
      damage: "both, with a recovery identity: put back, the damaged ones beside them",
      change: { key: known({ ...key, derived: null }), signKey: known({ ...signKey, derived: null }) },
      restore: { label: "latest", to: null },
      recovered: known(recovered(THREE)),
      signer: SIGNER,
      named: /the one on ls is damaged, and stays beside it; the escrow of the bucket holds/,
      mended: { "key:dev": "none", "sign-key:dev": "none" },
    },
    {
      damage: "the public halves: made again from the keys",
      change: {
        key: known({ ...key, published: null }),
        signKey: known({ ...signKey, published: null }),
      },
      named: /the public half beside it is missing or another's/,
      mended: { "key:dev": "none", "sign-key:dev": "none" },
    },
    {
      damage: "age not there to tell: installed first, and nothing said of the key",
      change: { key: known({ ...key, derived: null, published: key.published }) },
      tools: new Set(["btrfs", "zstd", "openssl", "curl", "flock", "ssh-keygen"]),
      named: /age/,
      mended: {
        "packages:ws": "none",
        "packages:ls": "none",
      },
    },
    {
      damage: "the escrow beside them: made anew from the keys, and so are its copies",
      change: {
        escrow: known({
          ...(facts.escrow.kind === "known" ? facts.escrow.value : assert.fail()),
          sha256: OTHER,
        }),
      },
      named: /the one there is not the one that was made here/,
      mended: { "escrow:dev": "none", "escrow-copy:dev": "none", "upload-escrow:dev": "none" },
    },
    {
      damage: "the copy of the escrow on this machine",
      memory: remembered({ escrowSha256: OTHER }),
      named: /the one here is another/,
      mended: { "escrow-copy:dev": "none" },
    },
  ]);
});

describe("what this machine remembers", () => {
  told([
    {
      damage: "can't be read: what it knew is not passed over",
      memory: unknown("/x/seen.json is damaged"),
      refused: "memory-unreadable",
      named: /\/x\/seen\.json is damaged/,
      next: /put the file right, or move it away/,
    },
  ]);
});

describe("the hydrated snapshots", () => {
  told([
    {
      damage: "gone: the newest is received again from its chain",
      change: { hydrated: received() },
      named: /registered, and not hydrated yet/,
      mended: {
        "hydrate:dev@2026-01": "none",
        "hydrate:dev@2026-02": "none",
        "hydrate:dev@2026-03": "none",
      },
    },
    {
      damage: "the newest made writable, or altered and closed again: replaced where that is approved",
      change: {
        hydrated: folder(SRV, [
          ["dev@2026-02", subvolume("ls-2026-02", { receivedUuid: "ws-2026-02" })],
          ["dev@2026-03", subvolume("ls-2026-03", { receivedUuid: null })],
        ]),
      },
      named: /writable or was never received whole; it is replaced/,
      mended: { "hydrate:dev@2026-03": "destructive" },
    },
  ]);
});

test("an escrow is made of the public half that is set right before it", () => {
  const signKey = facts.signKey.kind === "known" ? facts.signKey.value : assert.fail();
  const escrow = facts.escrow.kind === "known" ? facts.escrow.value : assert.fail();
  const change = {
    signKey: known({ ...signKey, published: null }),
    escrow: known({ ...escrow, keysSha256: OTHER }),
  };
  const { actions } = planOf({ rows: THREE, target: "2026-03", change });
  const made = actions.find(({ kind }) => kind === "escrow") ?? assert.fail();
  assert.ok(made.needs.some((id) => id === "sign-key:dev"));
  assert.deepEqual(made.assumes, { keys: null });
});
