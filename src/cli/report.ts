import { hostname } from "node:os";
import { resolve } from "node:path";
import { DevbackupError } from "../domain/trouble.ts";
import { reportPage } from "../report/html/page.ts";
import { statusLine } from "../report/status-text.ts";
import { type LookFlags, withStatus } from "./look-around.ts";
import { refuseOther, writeReport } from "./report-file.ts";

declare const DEVBACKUP_VERSION: string;

const FILE = "devbackup-report.html";
const STDOUT = "-";

export interface ReportFlags extends LookFlags {
  readonly out?: string;
}

/** `devbackup report`: looks, and writes where everything stands as a page. Changes nothing, takes no lock. */
export async function reportCommand(flags: ReportFlags): Promise<number> {
  const { out = FILE } = flags;
  if (out === STDOUT && flags.json === true) throw twoAnswers();
  const file = resolve(out);
  if (out !== STDOUT) await refuseOther(file);
  return withStatus(flags, async (status, terminal, inWords) => {
    const page = reportPage({ status, version: DEVBACKUP_VERSION, machine: hostname(), inWords });
    if (out === STDOUT) process.stdout.write(page);
    else {
      await writeReport(file, page);
      if (terminal.json) await terminal.document({ formatVersion: 1, file, verdict: status.verdict });
      terminal.answer(`${statusLine(status, inWords)}Wrote ${file}\n`);
    }
    return 0;
  });
}

const twoAnswers = (): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: "--json does not go with --out -",
    why: "the page and the JSON document would both go to stdout",
    state: "Nothing was contacted",
    next: "devbackup status --json, for programs",
  });
