import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactPath, objectKey } from "../../src/domain/artifact.ts";
import { parseManifest, renderManifest } from "../../src/domain/manifest.ts";
import type { Sha256 } from "../../src/domain/names.ts";
import {
  type ArtifactReading,
  differenceOf,
  type Finding,
  isSame,
  rebuild,
} from "../../src/domain/rebuild.ts";
import { DEV, history, label } from "./history.ts";

const TS = "2026-05-05T05:05:05.000Z";
const keyOf = (ref: Parameters<typeof objectKey>[1]) => objectKey("", ref);

/**
 * `2026-01 full a, 2026-02 on 2026-01 b<a`: artifacts by name, with the UUIDs of their streams. After these, in any
 * order: `!` damaged, `?` not fetched, `bucket`, `=LABEL` what the stream calls its snapshot, `@PATH` where it lies.
 */
const found = (text: string): Finding[] =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [, at = "", on, uuid = "", parentUuid, rest = ""] =
        /^(\S+) (?:full|on (\S+)) (\w)(?:<(\w))?(.*)$/.exec(entry) ?? assert.fail(entry);
      const words = rest.trim().split(" ");
      const ref = { dataset: DEV, label: label(at), parent: on === undefined ? null : label(on) };
      const named = words.find((word) => word.startsWith("="))?.slice(1) ?? at;
      const reading: ArtifactReading = words.includes("!")
        ? { kind: "damaged", why: "age: unexpected EOF" }
        : words.includes("?")
          ? { kind: "unread", why: "not fetched" }
          : {
              kind: "whole",
              sizeBytes: 100,
              sha256: "ab".repeat(32) as Sha256,
              snapshot: `dev@${named}`,
              uuid,
              parentUuid: parentUuid ?? null,
            };
      return {
        ref,
        place: words.includes("bucket") ? "bucket" : "server",
        path: words.find((word) => word.startsWith("@"))?.slice(1) ?? artifactPath(ref),
        ts: TS,
        reading,
      };
    });

test("which artifacts get a row, and why the others do not", () => {
  const rows: readonly {
    name: string;
    given: string;
    rows: string;
    leftOut?: readonly (string | RegExp)[];
    conflicts?: string;
  }[] = [
    {
      name: "two chains, whatever the order in which they were found",
      given: "2026-03 full c, 2026-02 on 2026-01 b<a, 2026-01 full a, 2026-04 on 2026-03 d<c",
      rows: "2026-01 2026-02<2026-01 2026-03 2026-04<2026-03",
    },
    {
      name: "an increment whose parent label is not the one before it",
      given: "2026-01 full a, 2026-02 on 2026-01 b<a, 2026-03 on 2026-01 c<a",
      rows: "2026-01 2026-02<2026-01 2026-03<2026-01",
    },
    {
      name: "damage takes what rests on it along, and nothing else",
      given:
        "2026-01 full a, 2026-02 on 2026-01 b<a !, 2026-03 on 2026-02 c<b, 2026-04 on 2026-03 d<c, 2026-05 full e",
      rows: "2026-01 2026-05",
      leftOut: [
        /2026-02\..* age: unexpected EOF$/,
        /2026-03\..* builds on 2026-02, which is left out$/,
        /2026-04\./,
      ],
    },
    {
      name: "an increment whose anchor is nowhere",
      given: "2026-02 on 2026-01 b<a",
      rows: "",
      leftOut: [/2026-02.* builds on 2026-01, of which there is no artifact$/],
    },
    {
      name: "another parent by UUID than by name",
      given: "2026-01 full a, 2026-02 on 2026-01 b<a, 2026-03 on 2026-01 c<b",
      rows: "2026-01 2026-02<2026-01",
      leftOut: [/2026-03.* builds on the snapshot b, and dev@2026-01\.full\.send\.zst\.age holds a$/],
    },
    {
      name: "a name that is another's",
      given: "2026-01 full a, 2026-03 on 2026-01 b<a =2026-02",
      rows: "2026-01",
      leftOut: [/2026-03.* holds dev@2026-02, not dev@2026-03/],
    },
    {
      name: "the kind that the name says is not the stream's",
      given: "2026-01 full a<z, 2026-02 on 2026-01 b",
      rows: "",
      leftOut: [/an increment under an anchor's name$/, /an anchor under an increment's name$/],
    },
    {
      name: "a parent of a later label",
      given: "2026-01 on 2026-02 a<b, 2026-02 full b",
      rows: "2026-02",
      leftOut: [/2026-01.* labels must grow$/],
    },
    {
      name: "the wrong folder",
      given: "2026-01 full a @artifacts/incr/dev@2026-01.full.send.zst.age",
      rows: "",
      leftOut: [/belongs to artifacts\/anchors\/dev@2026-01\.full\.send\.zst\.age: move it there$/],
    },
    {
      name: "damaged here and whole in the bucket",
      given: "2026-01 full a !, 2026-01 full a bucket, 2026-02 on 2026-01 b<a",
      rows: "2026-01(bucket) 2026-02<2026-01",
      leftOut: [/^server artifacts\/anchors\/dev@2026-01/],
    },
    {
      name: "whole in both places is one artifact, the server's",
      given: "2026-01 full a bucket, 2026-01 full a",
      rows: "2026-01",
    },
    {
      name: "in the bucket alone, not fetched",
      given: "2026-01 full a bucket ?, 2026-02 on 2026-01 b<a",
      rows: "",
      leftOut: [/^bucket .* not fetched$/, /^server .* builds on 2026-01, which is left out$/],
    },
    {
      name: "an anchor and an increment for one label",
      given: "2026-01 full a, 2026-02 full b, 2026-02 on 2026-01 b<a",
      rows: "2026-01",
      conflicts:
        "2026-02: artifacts/anchors/dev@2026-02.full.send.zst.age artifacts/incr/dev@2026-02.incr.from_2026-01.send.zst.age",
    },
    {
      name: "no conflict where one of the two does not fit",
      given: "2026-01 full a, 2026-02 full b, 2026-02 on 2026-01 c<z",
      rows: "2026-01 2026-02",
      leftOut: [/2026-02\.incr/],
    },
  ];
  for (const { name, given, rows: expected, leftOut = [], conflicts = "" } of rows) {
    const made = rebuild(found(given), [], keyOf);
    const told = made.rows.map(
      ({ label: at, parent }) =>
        `${at}${parent === null ? "" : `<${parent}`}${made.from.get(at)?.place === "bucket" ? "(bucket)" : ""}`,
    );
    assert.equal(told.join(" "), expected, name);
    const left = made.leftOut.map(({ place, path, why }) => `${place} ${path}: ${why}`).sort();
    assert.equal(left.length, leftOut.length, `${name}: ${left.join("; ")}`);
    for (const pattern of leftOut)
      assert.ok(
        left.some((line) => line.match(pattern)),
        `${name}: ${left.join("; ")}`,
      );
    assert.equal(
      made.conflicts.map(({ label: at, paths }) => `${at}: ${paths.join(" ")}`).join("; "),
      conflicts,
      name,
    );
    assert.equal(parseManifest(renderManifest(made.rows), DEV).kind, "valid", name);
  }
});

test("only what nobody has looked at is not damage", () => {
  const { leftOut } = rebuild(
    found("2026-01 full a !, 2026-02 full b bucket ?, 2026-03 full c =2026-04"),
    [],
    keyOf,
  );
  assert.deepEqual(
    leftOut.map(({ damaged }) => damaged),
    [true, false, true],
  );
});

test("a row's time is what the manifest said of that artifact, else the file's; its key is the declared bucket's", () => {
  const before = history("2026-01 full 100, 2026-02 incr 100");
  const artifacts = found("2026-01 full a, 2026-02 full b");
  const { rows } = rebuild(artifacts, before, keyOf);
  assert.deepEqual(
    rows.map(({ ts }) => ts),
    [before[0]?.ts, TS],
  );
  assert.deepEqual(
    rows.map(({ objectKey: key }) => key),
    rows.map(({ localPath }) => `dev/${localPath}`),
  );
  // without a cloud, what it said stays
  assert.deepEqual(
    rebuild(artifacts, before, () => null).rows.map(({ objectKey: key }) => key),
    [before[0]?.objectKey, null],
  );
});

test("the difference names rows and fields", () => {
  const before = history("2026-01 full 100, 2026-02 incr 60, 2026-03 incr 70");
  assert.ok(isSame(differenceOf(before, before)));
  const now = [...history("2026-01 full 100, 2026-02 full 61"), ...history("2026-04 full 5")];
  const { added, dropped, changed } = differenceOf(before, now);
  assert.deepEqual(
    added.map(({ label: at }) => at),
    ["2026-04"],
  );
  assert.deepEqual(
    dropped.map(({ label: at }) => at),
    ["2026-03"],
  );
  assert.deepEqual(
    changed.map(({ label: at, fields }) => [at, fields.map(({ field, was, is }) => `${field} ${was} ${is}`)]),
    [
      [
        "2026-02",
        [
          "parent 2026-01 -",
          "bytes 60 61",
          "object_key dev/artifacts/incr/dev@2026-02.incr.from_2026-01.send.zst.age dev/artifacts/anchors/dev@2026-02.full.send.zst.age",
        ],
      ],
    ],
  );
});
