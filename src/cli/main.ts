import { keepMemoryOutOfCoreDumps } from "./core-dump.ts";
import { inTodaysWords } from "./earlier-tool.ts";
import { heedSignals } from "./interrupt.ts";
import { buildProgram } from "./program.ts";

declare const DEVBACKUP_VERSION: string;

/** Node's own for a top-level `await` that nothing ends, which the program as one executable can't have. */
const NEVER_ENDED = 13;

keepMemoryOutOfCoreDumps();
heedSignals();
process.exitCode = NEVER_ENDED;
void inTodaysWords(process.argv.slice(2))
  .then(async (words) => {
    if (typeof words === "number") process.exitCode = words;
    else if (words === null) await buildProgram(DEVBACKUP_VERSION).parseAsync();
    else await buildProgram(DEVBACKUP_VERSION).parseAsync(words, { from: "user" });
  })
  .then(() => {
    if (process.exitCode === NEVER_ENDED) process.exitCode = 0;
  });
