import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { expectedEtag, isMd5Etag, planParts } from "../../../src/transport/bucket/upload-parts.ts";

const MiB = 1024 ** 2;

const plans = [
  { name: "nothing is one empty PUT", size: 0, wanted: 64 * MiB, part: 64 * MiB, count: 1, last: 0 },
  { name: "smaller than a part", size: 1000, wanted: 64 * MiB, part: 64 * MiB, count: 1, last: 1000 },
  { name: "exactly a part", size: 64 * MiB, wanted: 64 * MiB, part: 64 * MiB, count: 1, last: 64 * MiB },
  { name: "one byte more", size: 64 * MiB + 1, wanted: 64 * MiB, part: 64 * MiB, count: 2, last: 1 },
  { name: "an exact multiple", size: 192 * MiB, wanted: 64 * MiB, part: 64 * MiB, count: 3, last: 64 * MiB },
  { name: "R2 takes no part under 5 MiB", size: 11 * MiB, wanted: MiB, part: 5 * MiB, count: 3, last: MiB },
  {
    name: "10,000 parts",
    size: 640_000 * MiB,
    wanted: 64 * MiB,
    part: 64 * MiB,
    count: 10_000,
    last: 64 * MiB,
  },
  { name: "no more than 10,000", size: 640_000 * MiB + 1, wanted: 64 * MiB, part: 65 * MiB, count: 9_847 },
] as const;

for (const row of plans) {
  test(`parts: ${row.name}`, () => {
    const { partSizeBytes, parts } = planParts(row.size, row.wanted);
    assert.equal(partSizeBytes, row.part);
    assert.equal(parts.length, row.count);
    if ("last" in row) assert.equal(parts.at(-1)?.sizeBytes, row.last);
    let offset = 0;
    for (const [index, part] of parts.entries()) {
      assert.deepEqual([part.number, part.offsetBytes], [index + 1, offset]);
      assert.ok(index === parts.length - 1 || part.sizeBytes === partSizeBytes);
      offset += part.sizeBytes;
    }
    assert.equal(offset, row.size);
  });
}

test("parts: what no size of part can carry is refused before anything is sent", () => {
  for (const [size, wanted] of [
    [6 * 1024 ** 5, 64 * MiB],
    [100 * MiB, 6 * 1024 ** 3],
  ] as const) {
    assert.throws(() => planParts(size, wanted), /more than the store takes/);
  }
});

test("etag: MD5 of a single PUT, MD5 of MD5s for parts", () => {
  const md5 = (data: string | Buffer) => createHash("md5").update(data).digest();
  const [a, b] = [md5("a"), md5("b")];
  assert.equal(expectedEtag("single", [a.toString("base64")]), "0cc175b9c0f1b6a831c399e269772661");
  const whole = md5(Buffer.concat([a, b])).toString("hex");
  assert.equal(expectedEtag("parts", [a.toString("base64"), b.toString("base64")]), `${whole}-2`);
});

for (const [kind, etag, is] of [
  ["single", "0cc175b9c0f1b6a831c399e269772661", true],
  ["single", "0cc175b9c0f1b6a831c399e269772661-2", false],
  ["parts", "0cc175b9c0f1b6a831c399e269772661-2", true],
  ["parts", "0cc175b9c0f1b6a831c399e269772661", false],
  ["parts", "opaque", false],
] as const) {
  test(`etag: ${etag} ${is ? "is" : "is not"} made of MD5s (${kind})`, () =>
    assert.equal(isMd5Etag(kind, etag), is));
}
