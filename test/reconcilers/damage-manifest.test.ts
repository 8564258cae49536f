import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import { parseManifest, renderManifest } from "../../src/domain/manifest.ts";
import type { ManifestCopy } from "../../src/domain/manifest-copy.ts";
import type { ManifestFacts } from "../../src/reconcilers/manifest/store.ts";
import { DEV, history } from "../domain/history.ts";
import { bucketWith, OTHER, ROWS, seen, told } from "./damages.ts";
import { monthOf, store, THREE } from "./rows.ts";
import { filesOf, M1, planOf } from "./world.ts";

const TEXT = renderManifest(ROWS);
const LINES = TEXT.split("\n");
const reading = (text: string): ManifestFacts => ({
  sha256: OTHER,
  reading: parseManifest(text, DEV),
  signature: "wrong",
  signatureSha256: M1,
});
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
        change,
        bucket: bucketWith(COPY),
        memory: seen("2026-03"),
        named: new RegExp(`on ls is damaged \\(${line.source}.*\\); the bucket's has 3 rows, .*2026-03`),
        mended: { "manifest:dev": "none" },
      },
      {
        damage: `${how}: refused, where the bucket could not be asked`,
        change,
        bucket: unknown("timed out"),
        refused: "manifest-damaged",
        named: new RegExp(`snapshots_v2\\.tsv:${line.source.slice("line ".length)}.*not be looked at: timed`),
        next: /devbackup manifest rebuild --dataset dev/,
      },
    ]);
  }
  told([
    {
      damage: "gone: the same",
      change: { manifest: absent },
      bucket: bucketWith(COPY),
      memory: seen("2026-03"),
      named: /ls has lost it; the bucket's has 3 rows, .* a good signature; it is the one that this machine/,
      mended: { "manifest:dev": "none" },
    },
    {
      damage: "gone with the artifacts: they are fetched once it is there",
      bucket: bucketWith(COPY),
      memory: seen("2026-03"),
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
      change: DAMAGED,
      bucket: bucketWith(COPY),
      memory: seen("2026-02", OTHER),
      named: /it goes on from 2026-02, the newest seen by this machine/,
      mended: { "manifest:dev": "none" },
    },
    {
      damage:
        "damaged, and this controller has seen none: only a person can say that nothing newer is forgotten",
      change: DAMAGED,
      bucket: bucketWith(COPY),
      named: /this machine has not seen that one before: look whether it is the newest/,
      mended: { "manifest:dev": "destructive" },
    },
    {
      damage: "damaged, and the bucket's has the newest label and is another than was seen",
      change: DAMAGED,
      bucket: bucketWith(COPY),
      memory: seen("2026-03", OTHER),
      named: /this machine has not seen that one before/,
      mended: { "manifest:dev": "destructive" },
    },
    {
      damage: "damaged, and the bucket's is an older one: a writer in the bucket may have kept it",
      change: DAMAGED,
      bucket: bucketWith(COPY),
      memory: seen("2026-04", OTHER),
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
      bucket: bucketWith(COPY),
      memory: seen("2026-03"),
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
      rows: THREE,
      target: "2026-04",
      change: DAMAGED,
      bucket: bucketWith(COPY),
      memory: seen("2026-03"),
    });
    assert.deepEqual(new Set(actions.map(({ id }) => id)), new Set(["manifest:dev", ...monthOf("2026-04")]));
    for (const { id, needs } of actions)
      assert.equal(needs.includes("manifest:dev" as typeof id), !/^(manifest|snapshot):/.test(id), id);
    assert.match(actions.find(({ kind }) => kind === "artifact")?.reason ?? "", /^increment/);
  });

  test("a restore puts it back, too, and asks for no recovery identity", () => {
    const { problems, actions } = planOf({
      rows: THREE,
      target: "2026-03",
      restore: { label: "latest", to: null },
      change: DAMAGED,
      bucket: bucketWith(COPY),
      memory: seen("2026-03"),
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      actions.map(({ id, hazard }) => [id, hazard]),
      [["manifest:dev", "none"]],
    );
  });
});

const NEVER_SIGNED = {
  signKey: known({ rights: null, derived: null, published: null }),
  pushedManifest: absent,
};
const OLDER: ManifestFacts = {
  sha256: OTHER,
  reading: parseManifest("ts\tlbel\ttype\n", DEV),
  signature: "missing",
  signatureSha256: null,
  older: true,
};

const EMPTY = bucketWith(undefined, new Map());
const LEFT_OVER = { manifest: absent, store: known({ ...store, older: true as const }) };

describe("a manifest of an older tool", () => {
  told([
    {
      damage: "in the place of ours: what upgrades it is named",
      change: { ...NEVER_SIGNED, manifest: known(OLDER) },
      bucket: EMPTY,
      refused: "manifest-older",
      named: /manifests\/snapshots_v2\.tsv is the manifest of an older tool/,
      next: /^devbackup manifest migrate --dataset dev /,
    },
    {
      damage: "under its own name, beside artifacts and no manifest of ours: the same",
      change: { ...NEVER_SIGNED, ...LEFT_OVER },
      bucket: EMPTY,
      refused: "manifest-older",
      named: /manifests\/snapshots\.tsv is the manifest of an older tool/,
      next: /^devbackup manifest migrate --dataset dev /,
    },
    {
      damage: "and a key that is younger than it, and has signed nothing: the same",
      change: { manifest: absent, store: known({ ...store, older: true, keyIsYounger: true }) },
      bucket: EMPTY,
      refused: "manifest-older",
      named: /manifests\/snapshots\.tsv is the manifest of an older tool/,
    },
    {
      damage: "left over where ours is lost, with a key that signs: rebuilt from the artifacts, not migrated",
      change: LEFT_OVER,
      bucket: unknown("timed out"),
      refused: "manifest-lost",
      named:
        /is gone, .*timed out; \S+snapshots\.tsv is of an older tool and of before it: a key that signs it is/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "the same, with a signature alone",
      change: {
        ...{ ...NEVER_SIGNED, manifest: absent },
        store: known({ ...store, older: true, signature: true }),
      },
      bucket: EMPTY,
      refused: "manifest-lost",
      named: /of before it: its signature is there/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "the same, on a server without its keys, and the bucket holds a signed one",
      change: { ...NEVER_SIGNED, ...LEFT_OVER },
      refused: "manifest-lost",
      named: /of before it: the bucket holds one that was signed/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "in the place of ours, and the bucket holds a signed one: that is damage",
      change: { ...NEVER_SIGNED, manifest: known(OLDER) },
      refused: "manifest-damaged",
      named: /the first line is not.*of before it: the bucket holds one that was signed/,
      next: /devbackup manifest rebuild/,
    },
    {
      damage: "where this server has signed one before: that is damage, and no matter of its age",
      change: { manifest: known({ ...OLDER, signature: "wrong" }) },
      bucket: unknown("timed out"),
      refused: "manifest-damaged",
      named: /the first line is not/,
      next: /devbackup manifest rebuild --dataset dev/,
    },
  ]);

  test("left over where this machine has seen a signed one: that it is older than that is told, too", () => {
    const { problems } = planOf({
      ...{ rows: THREE, target: "2026-03", bucket: EMPTY, memory: seen("2026-03") },
      change: { ...NEVER_SIGNED, ...LEFT_OVER },
    });
    assert.deepEqual(
      problems.map(({ code }) => code).filter((code) => code.startsWith("manifest-")),
      ["manifest-rolled-back", "manifest-lost"],
    );
  });

  test("beside a manifest of ours with rows, it is of no account any more", () => {
    const change = { store: known({ ...store, older: true as const }) };
    const { problems, actions } = planOf({ rows: THREE, target: "2026-03", change });
    assert.deepEqual([problems, actions], [[], []]);
  });
});

describe("a dataset without any manifest", () => {
  told([
    {
      damage: "and a bucket that could not be looked at: a chain that may be there is not begun over",
      rows: "",
      bucket: unknown("timed out"),
      refused: "bucket-unknown",
      named: /ls has no manifest of dev, and whether the bucket holds backups of it can't be told: timed out/,
      next: /run the same command again when the bucket answers/,
    },
  ]);
});
