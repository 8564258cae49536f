import { constants } from "node:fs";
import { link, lstat, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DevbackupError } from "../domain/trouble.ts";
import { BEGINNING } from "../report/html/page.ts";

/** @throws DevbackupError where something stands at `file` that is not an earlier report */
export async function refuseOther(file: string): Promise<void> {
  if ((await whatStandsAt(file)) === "other") throw notOurs(file);
}

/**
 * Writes a report to `file`, whole or not at all; an earlier report is replaced, nothing else ever is.
 * @throws DevbackupError
 */
export async function writeReport(file: string, page: string): Promise<void> {
  const made = join(dirname(file), `.devbackup-report.${process.pid}.new`);
  try {
    const opened = await open(made, "wx", 0o644);
    try {
      await opened.writeFile(page);
      await opened.sync();
    } finally {
      await opened.close();
    }
    const there = await whatStandsAt(file);
    if (there === "other") throw notOurs(file);
    // a link is refused where something has come up meanwhile, a rename is not
    if (there === "nothing") await link(made, file);
    else await rename(made, file);
  } catch (error) {
    throw error instanceof DevbackupError ? error : notWritten(file, error);
  } finally {
    await rm(made, { force: true });
  }
}

/** By its first bytes; what a link leads to, or can't be read, is not looked into. */
async function whatStandsAt(file: string): Promise<"nothing" | "report" | "other"> {
  try {
    if (!(await lstat(file)).isFile()) return "other";
    const opened = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await opened.read(Buffer.alloc(BEGINNING.length));
      return buffer.toString("utf8", 0, bytesRead) === BEGINNING ? "report" : "other";
    } finally {
      await opened.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "nothing";
    throw notWritten(file, error);
  }
}

const notOurs = (file: string): DevbackupError =>
  new DevbackupError({
    code: "not-a-report",
    exitCode: 1,
    what: `${file} is there already, and is no report of devbackup: it is never overwritten`,
    state: "It was not touched",
    next: "devbackup report --out FILE, with another name",
  });

const notWritten = (file: string, error: unknown): DevbackupError =>
  new DevbackupError(
    {
      code: "report-unwritten",
      exitCode: 1,
      what: `the report cannot be written to ${file}`,
      why: error instanceof Error ? error.message : String(error),
      state: "Nothing was changed",
      next: "devbackup report --out FILE, with a place that you may write",
    },
    { cause: error },
  );
