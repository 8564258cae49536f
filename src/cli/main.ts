import { heedSignals } from "./interrupt.ts";
import { buildProgram } from "./program.ts";

declare const DEVBACKUP_VERSION: string;

heedSignals();
await buildProgram(DEVBACKUP_VERSION).parseAsync();
