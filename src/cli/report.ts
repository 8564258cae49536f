import { hostname } from "node:os";
import { resolve } from "node:path";
import { nextInWords } from "../apply/in-words.ts";
import { AGAIN, DevbackupError } from "../domain/trouble.ts";
import { reportPage } from "../report/html/page.ts";
import { statusLine } from "../report/status-text.ts";
import { typedBy } from "./command-line.ts";
import { load } from "./load.ts";
import { statusNow } from "./look-around.ts";
import { refuseOther, writeReport } from "./report-file.ts";
import { readRequest } from "./request.ts";
import { openSession } from "./session.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

declare const DEVBACKUP_VERSION: string;

const FILE = "devbackup-report.html";
const STDOUT = "-";

export interface ReportFlags extends CommonFlags {
  readonly dataset?: string;
  readonly out?: string;
}

/** `devbackup report`: looks, and writes where everything stands as a page. Changes nothing, takes no lock. */
export async function reportCommand(flags: ReportFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { dataset, out = FILE } = flags;
  if (out === STDOUT && terminal.json) throw twoAnswers();
  const file = resolve(out);
  if (out !== STDOUT) await refuseOther(file);
  const asked = dataset === undefined ? {} : { dataset };
  const { desired, request } = readRequest(loaded.desired, asked, new Date());
  const session = openSession(desired, request, [], terminal.warn, "all", loaded.texts);
  try {
    const status = await statusNow(session, desired, request);
    const page = reportPage({
      status,
      version: DEVBACKUP_VERSION,
      machine: hostname(),
      inWords: (next) => nextInWords(next, typedBy(AGAIN, flags)),
    });
    if (out === STDOUT) process.stdout.write(page);
    else {
      await writeReport(file, page);
      if (terminal.json) await terminal.document({ formatVersion: 1, file, verdict: status.verdict });
      terminal.answer(`${statusLine(status)}Wrote ${file}\n`);
    }
    return 0;
  } finally {
    await session.close();
  }
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
