import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { createProgressLine } from "../../src/report/progress-line.ts";

const MIB = 1024 * 1024;

function lineOf(live: boolean) {
  let written = "";
  let nowMs = 0;
  const out = new Writable({
    write(chunk, _encoding, done) {
      written += chunk;
      done();
    },
  });
  const line = createProgressLine("verifying", { out, live, now: () => nowMs });
  const at = (ms: number): void => {
    nowMs = ms;
  };
  return { ...line, at, written: () => written };
}

test("progress line: drawn anew, not with every word of news, and taken away", () => {
  const line = lineOf(true);
  line.progress(0, 100 * MIB);
  line.at(100);
  line.progress(1 * MIB, 100 * MIB);
  line.at(1000);
  line.progress(10 * MIB, 100 * MIB);
  line.clear();
  assert.equal(
    line.written(),
    "\r\u001b[Kverifying: 0 B of 100 MiB · 0:00\r\u001b[Kverifying: 10 MiB of 100 MiB · 10 MiB/s · 0:01 · 0:09 left\r\u001b[K",
  );
});

test("progress line: off a terminal nothing is drawn", () => {
  const line = lineOf(false);
  line.progress(1, 2);
  line.clear();
  assert.equal(line.written(), "");
});
