import { createHash } from "node:crypto";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { printable } from "../../src/domain/printable.ts";

const DIGESTS = "SHA256SUMS";
/** As a release has them: the names of all that it makes begin so. */
const OURS = /^([0-9a-f]{64} {2}devbackup[-_][\w.~-]+\n)+$/;

export interface OutFolder {
  /** Beside it, and empty. */
  readonly building: string;
  /** Adds the digests, and puts all of it in the place of the release that was there; gives the names. */
  readonly deliver: () => readonly string[];
  /** Removes what was not delivered. */
  readonly discard: () => void;
}

/** Throws where anything lies in `path` but a release as it was made: that is all that `deliver` ever deletes. */
export function outFolder(path: string): OutFolder {
  const folder = lstatSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
  earlierRelease(folder);
  mkdirSync(dirname(folder), { recursive: true });
  const beside = mkdtempSync(join(dirname(folder), `.${basename(folder)}-`));
  const discard = (): void => rmSync(beside, { recursive: true, force: true });
  // mkdtemp's own is closed to everybody else
  const building = join(beside, "out");
  mkdirSync(building);
  return {
    building,
    deliver: () => {
      const names = readdirSync(building).sort();
      const lines = names.map((name) => digestLine(building, name));
      writeFileSync(join(building, DIGESTS), lines.join(""));
      for (const name of earlierRelease(folder)) unlinkSync(join(folder, name));
      // rename(2) takes the place of an empty folder alone: what has come into it meanwhile stays
      renameSync(building, folder);
      discard();
      return names;
    },
    discard,
  };
}

/** The names of what a run left there, the digests last: without them, nobody could tell that the others are a release's. */
function earlierRelease(folder: string): readonly string[] {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) throw new Error(`${printable(folder)} is no folder; nothing was made`);
  const entries = readdirSync(folder, { withFileTypes: true });
  const digests = entries.some((entry) => entry.name === DIGESTS && entry.isFile())
    ? readFileSync(join(folder, DIGESTS), "utf8")
    : "";
  const made = new Set(OURS.test(digests) ? digests.split(/(?<=\n)/) : []);
  const foreign = entries.filter(
    (entry) =>
      !entry.isFile() ||
      (entry.name === DIGESTS ? made.size === 0 : !made.has(digestLine(folder, entry.name))),
  );
  if (foreign.length > 0)
    throw new Error(
      `${printable(folder)} holds what no release left there as it is: ${some(foreign.map(({ name }) => name))}
nothing was made, and nothing deleted; name a folder that is new, empty, or an earlier release with --out`,
    );
  const names = entries.map(({ name }) => name).filter((name) => name !== DIGESTS);
  return entries.length > names.length ? [...names, DIGESTS] : names;
}

const some = (names: readonly string[]): string =>
  names
    .toSorted()
    .slice(0, 5)
    .map((name) => printable(name))
    .concat(names.length > 5 ? [`and ${names.length - 5} more`] : [])
    .join(", ");

const digestLine = (folder: string, name: string): string =>
  `${createHash("sha256")
    .update(readFileSync(join(folder, name)))
    .digest("hex")}  ${name}\n`;
