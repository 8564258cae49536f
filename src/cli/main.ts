import { keepMemoryOutOfCoreDumps } from "./core-dump.ts";
import { inTodaysWords } from "./earlier-tool.ts";
import { heedSignals } from "./interrupt.ts";
import { buildProgram } from "./program.ts";
import { showError } from "./show-error.ts";

declare const DEVBACKUP_VERSION: string;

keepMemoryOutOfCoreDumps();
heedSignals();
let ended = false;
// comes where nothing is left that could still bring what the command waits for
process.once("beforeExit", async () => {
  const defect = new Error("the command waits for what never comes");
  if (!ended) process.exitCode = await showError(defect, { color: false });
});
void inTodaysWords(process.argv.slice(2))
  .then(async (words) => {
    if (typeof words === "number") process.exitCode = words;
    else if (words === null) await buildProgram(DEVBACKUP_VERSION).parseAsync();
    else await buildProgram(DEVBACKUP_VERSION).parseAsync(words, { from: "user" });
  })
  .then(() => {
    ended = true;
  });
