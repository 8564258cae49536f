import { readdirSync, readFileSync } from "node:fs";

const FOLDER = new URL("../../rescue/", import.meta.url);

/** The kit's scripts by file name, as they stand in `rescue/`; the build puts them in this file's place. */
export const rescueScripts = (): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith(".sh"))
      .sort()
      .map((name) => [name, readFileSync(new URL(name, FOLDER), "utf8")]),
  );
