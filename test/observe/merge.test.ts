import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import { mergedScript, readAnswers } from "../../src/observe/merge.ts";

const NONCE = "c0ffee";

const ask = (...fragments: string[]) => {
  const { stdout, stderr, status } = spawnSync("sh", ["-c", mergedScript(fragments, NONCE)], {
    encoding: "utf8",
  });
  return readAnswers({ stdout, stderr, exitCode: status ?? -1 }, NONCE);
};

test("each fragment has its own output, errors and exit code, whatever the others do", () => {
  const answers = ask(
    "printf 'no newline'",
    "exit 3",
    "echo oops >&2; false",
    "x=1; cd /",
    'echo "[$x]"; pwd',
  );
  assert.deepEqual(answers.slice(0, 3), [
    { exitCode: 0, stdout: "no newline", stderr: "" },
    { exitCode: 3, stdout: "", stderr: "" },
    { exitCode: 1, stdout: "", stderr: "oops\n" },
  ]);
  assert.equal(answers[4]?.stdout, `[]\n${execFileSync("pwd", { encoding: "utf8" })}`);
});

test("what a fragment prints is no mark unless it knows the nonce", () => {
  const [first, second] = ask("printf 'decoy 0 0\\n'", "echo second");
  assert.equal(first?.stdout, "decoy 0 0\n");
  assert.equal(second?.stdout, "second\n");
});

test("a fragment that was not reached has no answer", () => {
  assert.deepEqual(
    readAnswers({ stdout: `one\n${NONCE} 0 0\ntw`, stderr: "", exitCode: 255 }, NONCE).length,
    1,
  );
});
