import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sha256 } from "../../../src/domain/names.ts";
import { parseUploadState, printUploadState } from "../../../src/transport/bucket/upload-state.ts";
import { printSentPart } from "./sent-part.ts";

const head = {
  store: "https://0123.r2.cloudflarestorage.com/dev-backups",
  key: "dev/artifacts/anchors/dev@2026-03.full.send.zst.age",
  uploadId: "AB+/cd==.x_y-z",
  sizeBytes: 200_000_000,
  sha256: "9f".repeat(32) as Sha256,
  partSizeBytes: 67_108_864,
};
const first = { number: 1, etag: "abc123", md5: "CY9rzUYh03PK3k6DJie09g==" };
const second = { number: 2, etag: "opaque.etag", md5: "DMF1ucDxtqgxw5niaXcmYQ==" };
const printed = printUploadState(head);

const rows = [
  { name: "nothing sent yet", text: printed, sent: [] },
  { name: "two parts", text: printed + printSentPart(first) + printSentPart(second), sent: [1, 2] },
  { name: "a part sent twice counts once", text: printed + printSentPart(first).repeat(2), sent: [1] },
  {
    name: "the last line is cut off",
    text: printed + printSentPart(first) + printSentPart(second).slice(0, -1),
    sent: [1],
  },
  {
    name: "a line cut off by a crash, then another",
    text: `${printed}part 1 ab${printSentPart(second)}`,
    sent: [],
  },
  { name: "rubbish between parts", text: `${printed}part x y z\n${printSentPart(second)}`, sent: [2] },
] as const;

for (const row of rows) {
  test(`state: ${row.name}`, () => {
    const state = parseUploadState(row.text);
    assert.deepEqual(state && [...state.sent.keys()], row.sent);
    const { sent: _, ...rest } = state ?? { sent: undefined };
    assert.deepEqual(rest, head);
  });
}

for (const [name, text] of [
  ["empty", ""],
  ["of another format", printed.replace("upload 1", "upload 2")],
  ["cut off within its head", printed.slice(0, printed.indexOf("sha256"))],
  ["cut off within its last line", printed.slice(0, -2)],
  ["with a wrong hash", printed.replace("9f9f", "xx")],
] as const) {
  test(`state: none where the file is ${name}`, () => assert.equal(parseUploadState(text), undefined));
}
