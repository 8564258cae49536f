import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesOf } from "../../src/reconcilers/machine/file-differs.ts";
import { sha256Of } from "../../src/transport/hash.ts";

const file = { path: "/etc/devbackup/schedule/id", mode: "600", content: "as declared" };
const own = sha256Of(file.content);

for (const [there, says] of [
  [undefined, [`${file.path} is not there`]],
  [`600 0 ${own}`, []],
  [`644 0 ${own}`, [`${file.path}: its mode is 644, not 600`]],
  [`600 1000 ${own}`, [`${file.path}: it belongs to user 1000, not to root`]],
  [
    `640 1000 ${sha256Of("edited")}`,
    [
      `${file.path}: its mode is 640, not 600; it belongs to user 1000, not to root; it holds something else than it should by now`,
    ],
  ],
] as const)
  test(`a file that is ${there ?? "not there"}: what differs is said`, () =>
    assert.deepEqual(differencesOf([file], new Map(there && [[file.path, there]])), says));
