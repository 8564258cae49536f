import { keepMemoryOutOfCoreDumps } from "./core-dump.ts";
import { heedSignals } from "./interrupt.ts";
import { buildProgram } from "./program.ts";

declare const DEVBACKUP_VERSION: string;

/** Node's own for a top-level `await` that nothing ends, which the program as one executable can't have. */
const NEVER_ENDED = 13;

keepMemoryOutOfCoreDumps();
heedSignals();
process.exitCode = NEVER_ENDED;
void buildProgram(DEVBACKUP_VERSION)
  .parseAsync()
  .then(() => {
    if (process.exitCode === NEVER_ENDED) process.exitCode = 0;
  });
