import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { absent, known } from "../../domain/fact.ts";
import { type JournalRun, runsIn } from "../../domain/journal.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import type { Probe } from "../probe.ts";

export const logsFolder = ({ repository }: DatasetSpec): AbsolutePath => joinPath(repository, "logs");

/** `month`: `YYYY-MM`. */
export const journalFile = (spec: DatasetSpec, month: string): AbsolutePath =>
  joinPath(logsFolder(spec), `apply-${month}.jsonl`);

/** Some hundred runs, each with its actions. */
const READ_BYTES = 256 * 1024;
const READ_FILES = 24;

/** The newest runs of the journal, oldest first; a run that began before what is read is told from where it is. */
export const journalProbe = (spec: DatasetSpec): Probe<readonly JournalRun[]> => ({
  host: spec.server,
  script: sh`
cd ${logsFolder(spec)} 2>/dev/null || exit 0
set -- apply-[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl
while [ $# -gt ${READ_FILES} ]; do shift; done
[ ! -f "$1" ] || cat -- "$@" | tail -c ${READ_BYTES}`,
  parse: (stdout) => (stdout === "" ? absent : known(runsIn(stdout))),
});
