import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { CloudSpec, DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { type Manifest, renderManifest } from "../../src/domain/manifest.ts";
import type { NewestSeen } from "../../src/domain/memory.ts";
import { type AgeIdentity, parseAgeIdentity } from "../../src/recovery/age-file.ts";
import { type RecoverInput, recover } from "../../src/recovery/recover.ts";
import { fingerprintOf } from "../../src/transport/hash.ts";
import { history, label } from "../domain/history.ts";
import { desired, M1 } from "../reconcilers/world.ts";
import { troubleOf } from "../transport/trouble.ts";
import {
  ageKey,
  escrowText,
  noTools,
  recipientLine,
  scratch,
  sealed,
  secretLine,
  signed,
  signerOf,
  signKey,
} from "./tools.ts";

const ESCROW = "dev/keys/escrow.age";
const MANIFEST = "dev/manifests/snapshots_v2.tsv.age";
const SIGNATURE = "dev/manifests/snapshots_v2.tsv.sig";
const HERE = "/root/.local/state/devbackup/dev-1/escrow.age";

type Objects = Readonly<Record<string, Uint8Array | undefined>>;

/** Whatever a bucket holds; more than was asked for is never given. */
const holding = (objects: Objects) => ({
  get: async (key: string, maxBytes: number) => objects[key]?.subarray(0, maxBytes),
});

suite("what comes back with a recovery identity", { skip: noTools }, async () => {
  const folder = scratch();
  const [recovery, backup, stranger] = [ageKey(), ageKey(), ageKey()];
  const sign = signKey(folder, "sign");
  const forger = signKey(folder, "forger");
  const signer = signerOf(sign);
  const { cloud, datasets } = desired();
  const spec = datasets[0] as DatasetSpec;

  const identityOf = async (key: string): Promise<AgeIdentity> =>
    (await parseAgeIdentity(secretLine(key))) ?? assert.fail();
  const escrowOf = (backupKey: string, by: typeof sign, dataset = "dev", to = recovery) =>
    sealed(escrowText({ dataset, backup: backupKey, sign: by.privateFile, signPublic: by.publicFile }), [
      recipientLine(to),
    ]);
  const manifestOf = (rows: Manifest | string, by = sign) => {
    const text = typeof rows === "string" ? rows : renderManifest(rows);
    return {
      [MANIFEST]: sealed(text, [recipientLine(recovery), recipientLine(backup)]),
      [SIGNATURE]: Buffer.from(signed(text, by)),
    };
  };
  const two = history("2026-01 full 100, 2026-02 incr 10");
  const three = history("2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10");
  const whole: Objects = { [ESCROW]: escrowOf(backup, sign), ...manifestOf(three) };
  /** All of it made by somebody who writes to the bucket and knows the recovery recipient. */
  const forged: Objects = { [ESCROW]: escrowOf(stranger, forger), ...manifestOf(two, forger) };
  const older: Objects = { ...whole, ...manifestOf(two) };
  const seen: NewestSeen = { label: label("2026-03"), ts: "2026-04-01T00:00:00Z", manifestSha256: M1 };
  const identities = [await identityOf(recovery)];
  const asked = (objects: Objects, more: Partial<RecoverInput> = {}): RecoverInput => ({
    spec,
    cloud: { spec: cloud as CloudSpec, bucket: holding(objects) },
    identities,
    escrowHere: null,
    escrowPlace: HERE,
    knownSigner: signer,
    newestSeen: seen,
    wanted: "latest",
    ...more,
  });

  const good: readonly { name: string; input: RecoverInput; from: string; rows: Manifest | null }[] = [
    { name: "out of the bucket", input: asked(whole), from: "the bucket", rows: three },
    {
      name: "out of this machine's copy, whatever the bucket has under its name",
      input: asked({ ...whole, [ESCROW]: forged[ESCROW] }, { escrowHere: whole[ESCROW] ?? null }),
      from: "this machine",
      rows: three,
    },
    {
      name: "out of the bucket, where this machine's copy is damaged",
      input: asked(whole, { escrowHere: Buffer.from("age-encryption.org/v1\n") }),
      from: "the bucket",
      rows: three,
    },
    {
      name: "the keys alone, where the bucket has no manifest",
      input: asked({ [ESCROW]: whole[ESCROW] }),
      from: "the bucket",
      rows: null,
    },
    {
      name: "the keys alone, where they are all that is wanted, whatever the manifest is",
      input: asked({ ...whole, ...manifestOf(two, forger) }, { wanted: null }),
      from: "the bucket",
      rows: null,
    },
    {
      name: "an older manifest, for a label that is asked for by name",
      input: asked(older, { wanted: label("2026-02") }),
      from: "the bucket",
      rows: two,
    },
    {
      name: "an older manifest, by a controller that has seen nothing",
      input: asked(older, { newestSeen: null }),
      from: "the bucket",
      rows: two,
    },
    {
      name: "the manifest that was there before, between the two uploads of a push",
      input: asked({
        ...whole,
        [SIGNATURE]: Buffer.from(signed("newer", sign) + Buffer.from(whole[SIGNATURE] ?? []).toString()),
      }),
      from: "the bucket",
      rows: three,
    },
  ];
  for (const { name, input, from, rows } of good)
    test(`it comes ${name}`, async () => {
      const { escrow, escrowFrom, manifest, ...got } = await recover(input);
      assert.equal(escrowFrom, from);
      assert.deepEqual(manifest, rows);
      assert.deepEqual(got, { signer, fingerprint: fingerprintOf(signer) });
      assert.equal(escrow.backupKeyFile, backup);
      assert.equal(escrow.signKeyFile, sign.privateFile);
    });

  test("what a forger made comes with the forger's name, for the user to look at", async () => {
    const { signer: by, fingerprint } = await recover(asked(forged, { knownSigner: null, newestSeen: null }));
    assert.equal(by, signerOf(forger));
    assert.equal(fingerprint, fingerprintOf(signerOf(forger)));
  });

  const flipped = Buffer.from(whole[ESCROW] ?? []);
  flipped[flipped.length - 100] = (flipped.at(-100) ?? 0) ^ 1;
  const refused: readonly {
    name: string;
    objects: Objects;
    more?: Partial<RecoverInput>;
    code: string;
    says: RegExp;
  }[] = [
    {
      name: "no escrow",
      objects: { ...whole, [ESCROW]: undefined },
      code: "no-escrow",
      says: /dev-1\/escrow\.age/,
    },
    {
      name: "no cloud, and no copy here",
      objects: {},
      more: { cloud: null },
      code: "no-escrow",
      says: /--out/,
    },
    {
      name: "another identity than the one that the escrow is for",
      objects: whole,
      more: { identities: [await identityOf(stranger)] },
      code: "escrow-not-ours",
      says: new RegExp(`in the bucket.*${recipientLine(stranger)}[\\s\\S]*recovery_recipients`),
    },
    {
      name: "an escrow that is cut off",
      objects: { ...whole, [ESCROW]: whole[ESCROW]?.subarray(0, -40) },
      code: "escrow-damaged",
      says: /the copy in the bucket: [\s\S]*put another copy/,
    },
    {
      name: "an escrow with a bit flipped",
      objects: { ...whole, [ESCROW]: flipped },
      code: "escrow-damaged",
      says: /the copy in the bucket/,
    },
    {
      name: "a damaged copy here, and none in the bucket",
      objects: {},
      more: { escrowHere: flipped },
      code: "escrow-damaged",
      says: /the copy on this machine/,
    },
    {
      name: "another dataset's escrow",
      objects: { ...whole, [ESCROW]: escrowOf(backup, sign, "photos") },
      code: "escrow-damaged",
      says: /of another dataset, photos/,
    },
    {
      name: "a forged escrow",
      objects: { ...whole, [ESCROW]: forged[ESCROW] },
      code: "signer-changed",
      says: /may be forged[\s\S]*encryption\.signers\.dev/,
    },
    {
      name: "a forged everything",
      objects: forged,
      code: "signer-changed",
      says: /SHA256:\S+, expected SHA256:\S+: it may be forged/,
    },
    {
      name: "a forged manifest with a forger's signature",
      objects: { ...whole, ...manifestOf(two, forger) },
      code: "manifest-not-authentic",
      says: /not one by SHA256:/,
    },
    {
      name: "a forged manifest under the good signature",
      objects: { ...whole, [MANIFEST]: manifestOf(two)[MANIFEST] },
      code: "manifest-not-authentic",
      says: /not one by SHA256:/,
    },
    {
      name: "a signature that is gone",
      objects: { ...whole, [SIGNATURE]: undefined },
      code: "manifest-not-authentic",
      says: /its signature is missing/,
    },
    {
      name: "an empty signature",
      objects: { ...whole, [SIGNATURE]: Buffer.alloc(0) },
      code: "manifest-not-authentic",
      says: /its signature is missing/,
    },
    {
      name: "an older manifest with its good signature",
      objects: older,
      code: "manifest-rolled-back",
      says: /ends at 2026-02; 2026-03 was registered[\s\S]*--restore 2026-02 --identity FILE/,
    },
    {
      name: "a manifest without a row, signed",
      objects: { ...whole, ...manifestOf([]) },
      code: "manifest-rolled-back",
      says: /ends at nothing/,
    },
    {
      name: "a manifest that is none, signed",
      objects: { ...whole, ...manifestOf("ts\tlabel\n") },
      code: "manifest-damaged",
      says: /line 1: /,
    },
    {
      name: "a manifest that nobody can open",
      objects: { ...whole, [MANIFEST]: sealed("x", [recipientLine(stranger)]) },
      code: "cloud-manifest-damaged",
      says: /not encrypted to any of/,
    },
  ];
  for (const { name, objects, more, code, says } of refused)
    test(`refused: ${name}`, async () => {
      const trouble = await troubleOf(recover(asked(objects, more)));
      assert.equal(trouble.code, code);
      assert.equal(trouble.exitCode, 6);
      assert.match(`${trouble.what}\n${trouble.why}\n${trouble.state}\n${trouble.next}`, says);
      assert.match(trouble.state ?? "", /^Nothing was changed/);
    });

  suite("with random damage to what the bucket holds, it is refused or the same", () => {
    const random = seeded(20_900_131);
    const names = { [ESCROW]: 150, [MANIFEST]: 100, [SIGNATURE]: 60 };
    for (const [key, times] of Object.entries(names))
      test(key, async () => {
        const original = await recover(asked(whole));
        let refusals = 0;
        for (let time = 0; time < times; time += 1) {
          const damaged = damage(whole[key] ?? assert.fail(), random);
          const knownSigner = time % 2 === 0 ? signer : null;
          const outcome = await recover(asked({ ...whole, [key]: damaged }, { knownSigner })).catch(
            (error: unknown) => troubleOf(Promise.reject(error)),
          );
          if ("exitCode" in outcome) {
            assert.equal(outcome.exitCode, 6, outcome.what);
            refusals += 1;
          } else assert.deepEqual(outcome, original);
        }
        assert.ok(refusals > times / 2, `${refusals} of ${times} were refused`);
      });

    test("also where the damage is inside, encrypted anew", async () => {
      const text = escrowText({
        dataset: "dev",
        backup,
        sign: sign.privateFile,
        signPublic: sign.publicFile,
      });
      for (let time = 0; time < 60; time += 1) {
        const inside = sealed(damage(Buffer.from(text), random), [recipientLine(recovery)]);
        const outcome = await recover(asked({ ...whole, [ESCROW]: inside })).catch((error: unknown) =>
          troubleOf(Promise.reject(error)),
        );
        if ("exitCode" in outcome) {
          assert.equal(outcome.exitCode, 6, outcome.what);
          assert.doesNotMatch(JSON.stringify(outcome), /AGE-SECRET-KEY-1[A-Z0-9]|[A-Za-z0-9+/]{60}/);
        } else assert.equal(outcome.signer, signer);
      }
    });
  });
});

/** One to four bytes changed, some taken away, or some put in. */
function damage(bytes: Uint8Array, random: () => number): Uint8Array {
  const at = () => Math.floor(random() * bytes.length);
  const kind = random();
  if (kind < 0.15) return bytes.subarray(0, at());
  if (kind < 0.25) {
    const [start, more] = [at(), Math.ceil(random() * 40)];
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + more)]);
  }
  if (kind < 0.35) {
    const [start, from] = [at(), at()];
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(from, from + 40), bytes.subarray(start)]);
  }
  const changed = Buffer.from(bytes);
  for (let left = Math.ceil(random() * 4); left > 0; left -= 1) {
    const place = at();
    changed[place] = (changed[place] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return changed;
}

/** The same numbers every time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
