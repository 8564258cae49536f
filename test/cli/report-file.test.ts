import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { refuseOther, writeReport } from "../../src/cli/report-file.ts";
import { BEGINNING } from "../../src/report/html/page.ts";

const PAGE = `${BEGINNING}<title>new</title>`;
const EARLIER = `${BEGINNING}<title>an earlier one</title>`;

describe("the report's file", () => {
  const parent = mkdtempSync(join(tmpdir(), "report-file-"));
  after(() => rmSync(parent, { recursive: true }));
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(parent, "run-"));
    file = join(folder, "report.html");
  });
  const alone = () => assert.deepEqual(readdirSync(folder), ["report.html"]);

  test("is written where nothing is", async () => {
    await refuseOther(file);
    await writeReport(file, PAGE);
    assert.equal(readFileSync(file, "utf8"), PAGE);
    alone();
  });

  test("takes the place of an earlier report, which who has it open keeps", async () => {
    writeFileSync(file, EARLIER);
    const { ino } = lstatSync(file);
    await refuseOther(file);
    await writeReport(file, PAGE);
    assert.equal(readFileSync(file, "utf8"), PAGE);
    assert.notEqual(lstatSync(file).ino, ino);
    alone();
  });

  const others: readonly { readonly name: string; readonly make: () => void }[] = [
    { name: "somebody's page", make: () => writeFileSync(file, "<!doctype html>\n<html lang=en>\n") },
    { name: "an empty file", make: () => writeFileSync(file, "") },
    {
      name: "a page that only mentions it",
      make: () => writeFileSync(file, `<!-- -->${BEGINNING}`),
    },
    { name: "a folder", make: () => mkdirSync(file) },
    { name: "a pipe", make: () => execFileSync("mkfifo", [file]) },
    {
      name: "a link to an earlier report",
      make: () => {
        writeFileSync(join(parent, "linked"), EARLIER);
        symlinkSync(join(parent, "linked"), file);
      },
    },
    { name: "a link to nothing", make: () => symlinkSync(join(folder, "nothing"), file) },
  ];
  for (const { name, make } of others)
    test(`never takes the place of ${name}`, async () => {
      make();
      const { ino } = lstatSync(file);
      await assert.rejects(refuseOther(file), /is no report of devbackup: it is never overwritten/);
      await assert.rejects(writeReport(file, PAGE), /is no report of devbackup: it is never overwritten/);
      assert.equal(lstatSync(file).ino, ino);
      alone();
    });

  test("that can't be written is an error that says so", async () => {
    await assert.rejects(
      writeReport(join(folder, "no/report.html"), PAGE),
      /report cannot be written to .*no/,
    );
    await assert.rejects(
      writeReport(join("/proc", "report.html"), PAGE),
      /report cannot be written to .proc/,
    );
  });
});
