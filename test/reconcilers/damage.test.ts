import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import { parseManifest, renderManifest } from "../../src/domain/manifest.ts";
import type { ManifestCopy } from "../../src/domain/manifest-copy.ts";
import type { Sha256 } from "../../src/domain/names.ts";
import type { SeenObject } from "../../src/reconcilers/facts.ts";
import type { ManifestFacts } from "../../src/reconcilers/manifest/store.ts";
import { DEV, history, label } from "../domain/history.ts";
import { facts, monthOf, objects, store, THREE } from "./rows.ts";
import { recovered } from "./wiped.ts";
import {
  type Case,
  filesOf,
  folder,
  M1,
  planOf,
  received,
  remembered,
  SIGNER,
  SRV,
  subvolume,
} from "./world.ts";

/** One damage to a world of three months in which nothing else is due. */
interface Damage extends Partial<Case> {
  readonly damage: string;
  /** What is said about it: which file, what is wrong, and what that means. */
  readonly named: RegExp;
  /** What mends it, by action, with its hazard: all that is planned. */
  readonly mended?: Readonly<Record<string, "none" | "destructive">>;
  /** Where nothing can mend it: the problem, or the warning, and what it tells the user to do. */
  readonly refused?: string;
  readonly warned?: string;
  readonly next?: RegExp;
}

const told = (damages: readonly Damage[]) => {
  for (const { damage, named, mended = {}, refused, warned, next, ...given } of damages)
    test(damage, () => {
      const { problems, warnings, actions } = planOf({ rows: THREE, target: "2026-03", ...given });
      assert.deepEqual(
        problems.map(({ code }) => code),
        refused === undefined ? [] : [refused],
      );
      if (warned !== undefined)
        assert.equal([...new Set(warnings.map(({ code }) => code))].join(", "), warned);
      const texts =
        refused !== undefined
          ? problems.map(({ text }) => text)
          : warned !== undefined
            ? warnings.map(({ text }) => text)
            : actions.map(({ reason }) => reason);
      assert.ok(
        texts.some((text) => named.test(text)),
        texts.join("\n"),
      );
      if (next !== undefined) assert.match(problems[0]?.next ?? "", next);
      if (refused !== undefined) return;
      assert.deepEqual(Object.fromEntries(actions.map(({ id, hazard }) => [id, hazard])), mended);
    });
};

const OTHER = "22".repeat(32) as Sha256;
const ROWS = history(THREE);
const TEXT = renderManifest(ROWS);
const LINES = TEXT.split("\n");
const reading = (text: string): ManifestFacts => ({
  sha256: OTHER,
  reading: parseManifest(text, DEV),
  signature: "wrong",
  signatureSha256: M1,
});
const seen = (at: string, manifestSha256 = M1) =>
  remembered({
    signer: SIGNER,
    newest: { label: label(at), ts: "2026-01-01T00:00:00Z", manifestSha256 },
  });
const bucketWith = (manifest?: ManifestCopy, kept = objects) =>
  known({ objects: kept, unfinished: known([]), ...(manifest !== undefined && { manifest }) });
const COPY: ManifestCopy = { kind: "signed", rows: ROWS, sha256: M1 };
const DAMAGED = { manifest: known(reading(TEXT.slice(0, -20))) };

/** What can happen to the manifest's file, and how the line that is wrong is named. */
const TEXTS: Readonly<Record<string, readonly [string, RegExp]>> = {
  "of no length": ["", /line 1: it is empty/],
  "cut off in a line": [TEXT.slice(0, -20), /line 4: the last line has no end: the file was cut off/],
  "with CR LF": [TEXT.replaceAll("\n", "\r\n"), /line 1: its lines end in CR LF/],
  "with a row twice": [`${TEXT}${LINES[3]}\n`, /line 5: 2026-03 stands there twice/],
  "with rows out of order": [
    [LINES[0], LINES[2], LINES[1], LINES[3], ""].join("\n"),
    /line 2: 2026-02 builds on 2026-01, which no line above has/,
  ],
  "with another column": [TEXT.replaceAll("\n", "\tnote\n"), /line 1: the first line is not/],
  "with a row that is too long": [TEXT.replace(/\n$/, "\tmore\n"), /line 4: 9 columns instead of 8/],
  "with a flipped bit in a path": [TEXT.replace("artifacts/incr", "artifactq/incr"), /line 3: local_path is/],
  "of zeros": ["\0".repeat(TEXT.length), /line \d+: the last line has no end/],
};

describe("the manifest on the server", () => {
  for (const [how, [text, line]] of Object.entries(TEXTS)) {
    const change = { manifest: known(reading(text)) };
    told([
      {
        damage: `${how}: the bucket's, which this controller has seen last, takes its place`,
        ...{ change, bucket: bucketWith(COPY), memory: seen("2026-03") },
        named: new RegExp(`on ls is damaged \\(${line.source}.*\\); the bucket's has 3 rows, .*2026-03`),
        mended: { "manifest:dev": "none" },
      },
      {
        damage: `${how}: refused, where the bucket could not be asked`,
        ...{ change, bucket: unknown("timed out") },
        refused: "manifest-damaged",
        named: new RegExp(`snapshots_v2\\.tsv:${line.source.slice("line ".length)}.*not be looked at: timed`),
        next: /devbackup manifest rebuild --dataset dev/,
      },
    ]);
  }
  told([
    {
      damage: "gone: the same",
      ...{ change: { manifest: absent }, bucket: bucketWith(COPY), memory: seen("2026-03") },
      named: /ls has lost it; the bucket's has 3 rows, .* a good signature; it is the one that this machine/,
      mended: { "manifest:dev": "none" },
    },
    {
      damage: "gone with the artifacts: they are fetched once it is there",
      ...{ bucket: bucketWith(COPY), memory: seen("2026-03") },
      change: { manifest: absent, stateEnv: absent, pushedManifest: absent, store: absent },
      named: /ls has lost it/,
      mended: {
        "manifest:dev": "none",
        "fetch:dev@2026-01": "none",
        "fetch:dev@2026-02": "none",
        "fetch:dev@2026-03": "none",
      },
    },
    {
      damage: "damaged, and another controller has gone on since this one looked",
      ...{ change: DAMAGED, bucket: bucketWith(COPY), memory: seen("2026-02", OTHER) },
      named: /it goes on from 2026-02, the newest seen by this machine/,
      mended: { "manifest:dev": "none" },
    },
    {
      damage:
        "damaged, and this controller has seen none: only a person can say that nothing newer is forgotten",
      ...{ change: DAMAGED, bucket: bucketWith(COPY) },
      named: /this machine has not seen that one before: look whether it is the newest/,
      mended: { "manifest:dev": "destructive" },
    },
    {
      damage: "damaged, and the bucket's has the newest label and is another than was seen",
      ...{ change: DAMAGED, bucket: bucketWith(COPY), memory: seen("2026-03", OTHER) },
      named: /this machine has not seen that one before/,
      mended: { "manifest:dev": "destructive" },
    },
    {
      damage: "damaged, and the bucket's is an older one: a writer in the bucket may have kept it",
      ...{ change: DAMAGED, bucket: bucketWith(COPY), memory: seen("2026-04", OTHER) },
      refused: "manifest-damaged",
      named: /can't take its place: it ends at 2026-03, and this machine has seen one with 2026-04/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "damaged, and an artifact stands there that is later than the bucket's",
      change: {
        ...DAMAGED,
        store: known({ ...store, files: filesOf(history(`${THREE}, 2026-04 incr 10`)) }),
      },
      ...{ bucket: bucketWith(COPY), memory: seen("2026-03") },
      refused: "manifest-damaged",
      named: /can't take its place: it ends at 2026-03, and artifacts\/incr\/dev@2026-04\S+ is there/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "damaged, and the bucket's is not signed by the known signer",
      change: DAMAGED,
      bucket: bucketWith({ kind: "refused", why: "its signature is not one by SHA256:abc" }),
      refused: "manifest-damaged",
      named: /can't take its place: its signature is not one by SHA256:abc/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "a bit flipped that leaves it readable: only a person can say which is right",
      change: { manifest: known(reading(TEXT.replace("\tabab", "\tbbab"))) },
      memory: seen("2026-03"),
      named: /not the one that the server signed; it was changed since: another one was last sent/,
      mended: { "sign:dev": "destructive", "upload-manifest:dev": "none" },
    },
    {
      damage: "its signature damaged: signed again, where it is the very one that this controller has seen",
      change: { manifest: known({ ...reading(TEXT), sha256: M1 }) },
      memory: seen("2026-03"),
      named: /its signature is damaged or another's; it is, to the byte, the one that this machine/,
      mended: { "sign:dev": "none", "upload-manifest:dev": "none" },
    },
    {
      damage: "state.env damaged: it is derived, and made again",
      change: { stateEnv: known("LATEST_LA") },
      named: /state\.env does not say what the manifest says/,
      mended: { "manifest:dev": "none" },
    },
    {
      damage: "state.env that can't be read: the same",
      change: { stateEnv: unknown("cat: Input/output error") },
      named: /state\.env does not say what the manifest says/,
      mended: { "manifest:dev": "none" },
    },
  ]);

  test("what rests on it waits until it is back, and the chain goes on", () => {
    const { actions } = planOf({
      ...{ rows: THREE, target: "2026-04", change: DAMAGED },
      ...{ bucket: bucketWith(COPY), memory: seen("2026-03") },
    });
    assert.deepEqual(new Set(actions.map(({ id }) => id)), new Set(["manifest:dev", ...monthOf("2026-04")]));
    for (const { id, needs } of actions)
      assert.equal(needs.includes("manifest:dev" as typeof id), !/^(manifest|snapshot):/.test(id), id);
    assert.match(actions.find(({ kind }) => kind === "artifact")?.reason ?? "", /^increment/);
  });

  test("a restore puts it back, too, and asks for no recovery identity", () => {
    const { problems, actions } = planOf({
      ...{ rows: THREE, target: "2026-03", restore: { label: "latest", to: null }, change: DAMAGED },
      ...{ bucket: bucketWith(COPY), memory: seen("2026-03") },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      actions.map(({ id, hazard }) => [id, hazard]),
      [["manifest:dev", "none"]],
    );
  });
});

describe("a dataset without any manifest", () => {
  told([
    {
      damage: "and a bucket that could not be looked at: a chain that may be there is not begun over",
      ...{ rows: "", bucket: unknown("timed out") },
      refused: "bucket-unknown",
      named: /ls has no manifest of dev, and whether the bucket holds backups of it can't be told: timed out/,
      next: /run the same command again when the bucket answers/,
    },
  ]);
});

const [ANCHOR, SECOND, THIRD] = ROWS.map(({ localPath }) => localPath) as [string, string, string];
const held = (change: (files: Map<string, number>) => void, damaged: readonly string[] = []) => {
  const files = filesOf(ROWS);
  change(files);
  return known({ ...store, files, damaged: new Map(damaged.map((path) => [path, OTHER])) });
};
const keyOf = (path: string) => `dev/${path}`;
const inBucket = (change: (kept: Map<string, SeenObject>) => void) => {
  const kept = new Map<string, SeenObject>(objects);
  change(kept);
  return bucketWith(undefined, kept);
};
const object = (path: string): SeenObject => objects.get(keyOf(path)) ?? assert.fail(path);

describe("an artifact", () => {
  told([
    {
      damage: "gone from the server: fetched",
      change: { store: held((files) => files.delete(SECOND)) },
      named: /an increment on 2026-01, of the anchor 2026-01: ls does not have it/,
      mended: { "fetch:dev@2026-02": "none" },
    },
    {
      damage: "truncated on the server: fetched, and what is there is kept",
      change: { store: held((files) => files.set(ANCHOR, 99)) },
      named: /the anchor: the file on ls is damaged, and is moved into tmp\/set-aside/,
      mended: { "fetch:dev@2026-01": "none" },
    },
    {
      damage: "found to be another, or unreadable, when it was read: the same",
      change: { store: held(() => undefined, [SECOND]) },
      named: /the file on ls is damaged, and is moved into tmp\/set-aside/,
      mended: { "fetch:dev@2026-02": "none" },
    },
    {
      damage: "gone from the bucket: sent again",
      bucket: inBucket((kept) => kept.delete(keyOf(SECOND))),
      named: /10 B registered, and not in the bucket/,
      mended: { "upload:dev@2026-02": "none" },
    },
    {
      damage:
        "truncated in the bucket: sent again where that is approved, since another may have put it there",
      bucket: inBucket((kept) => kept.set(keyOf(SECOND), { ...object(SECOND), sizeBytes: 9 })),
      named: /the object there has 9 bytes, the artifact 10; it is replaced/,
      mended: { "upload:dev@2026-02": "destructive" },
    },
    {
      damage: "damaged on the server and gone from the bucket: what it costs, and nothing is sent of it",
      change: { store: held(() => undefined, [SECOND]), hydrated: received("2026-01") },
      bucket: inBucket((kept) => kept.delete(keyOf(SECOND))),
      warned: "artifact-lost",
      named:
        /2026-02\S+ is damaged on the server and missing in the bucket; it costs 2 labels: 2026-02, 2026-03/,
      mended: {},
    },
    {
      damage: "lost everywhere, while its snapshots still stand: no label is lost yet",
      change: { store: held((files) => files.delete(THIRD)) },
      bucket: inBucket((kept) => kept.delete(keyOf(THIRD))),
      warned: "artifact-lost",
      named:
        /2026-03\S+ is missing on the server and missing in the bucket; its snapshot still stands on ls, and without ls it costs 1 label: 2026-03/,
      mended: {},
    },
    {
      damage: "lost on the server, where the bucket could not be asked: said as that",
      change: { store: held((files) => files.delete(SECOND)) },
      bucket: unknown("timed out"),
      warned: "artifact-lost, cloud-unknown",
      named: /2026-02\S+ is missing on the server and unknown in the bucket/,
      mended: {},
    },
  ]);

  test("an object that is left unreplaced ends a run with 6, so that a schedule notices", () => {
    const bucket = inBucket((kept) => kept.set(keyOf(SECOND), { ...object(SECOND), sizeBytes: 9 }));
    const { actions } = planOf({ rows: THREE, target: "2026-03", bucket });
    assert.deepEqual(
      actions.map(({ exitCode }) => exitCode),
      [6],
    );
  });
});

describe("what else the bucket has", () => {
  told([
    {
      damage: "its manifest gone",
      bucket: inBucket((kept) => kept.delete("dev/manifests/snapshots_v2.tsv.age")),
      named: /it is not in the bucket yet/,
      mended: { "upload-manifest:dev": "none" },
    },
    {
      damage: "the signature beside it truncated",
      bucket: inBucket((kept) => {
        const sig = kept.get("dev/manifests/snapshots_v2.tsv.sig") ?? assert.fail();
        kept.set(sig.key, { ...sig, sizeBytes: 1, etag: "another" });
      }),
      named: /its signature: what is there is not what was sent/,
      mended: { "upload-manifest:dev": "none" },
    },
    {
      damage: "its escrow replaced, or an older one",
      bucket: inBucket((kept) => {
        const escrow = kept.get("dev/keys/escrow.age") ?? assert.fail();
        kept.set(escrow.key, { ...escrow, etag: "another" });
      }),
      named: /what is there is not what was sent/,
      mended: { "upload-escrow:dev": "none" },
    },
  ]);
});

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
      ...{ restore: { label: "latest", to: null }, recovered: known(recovered(THREE)), signer: SIGNER },
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
