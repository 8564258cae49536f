import type { Path } from "./schema.ts";

/**
 * Takes a fault of meaning at `path`; the caret goes under the value, or under the nearest key that is written.
 * Gives undefined, so that a resolver can report and give up its value in one statement.
 */
export type Report = (path: Path, wrong: string, right: string) => undefined;
