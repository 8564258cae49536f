import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DevbackupError } from "../domain/trouble.ts";
import { pageHtml, pageText, rescuePage } from "./page.ts";
import { rescueScripts } from "./scripts.ts";
import { type Settings, settingsText } from "./settings.ts";

/** The kit of one dataset: file names and what is in them. Holds no secret. */
export function rescueKit(settings: Settings, now: Date): ReadonlyMap<string, string> {
  const page = rescuePage(settings, now);
  return new Map([
    ["README.html", pageHtml(page)],
    ["README.txt", pageText(page)],
    ["settings.sh", settingsText(settings, now)],
    ...rescueScripts(),
  ]);
}

/** Throws where DIR is there and not empty: nothing is overwritten, and no two kits are mixed. */
export function refuseFullFolder(dir: string): void {
  const there = trying(dir, () => readdirSync(dir));
  if (there === undefined || there.length === 0) return;
  throw new DevbackupError({
    code: "rescue-kit-already-there",
    exitCode: 1,
    what: `${dir} is not empty`,
    state: "It was not touched, and nothing was written",
    next: "devbackup rescue-kit --out DIR, with a folder that is new or empty",
  });
}

/** Writes a kit into DIR, which is made where it is missing. Scripts become executable; nothing is overwritten. */
export function writeKit(dir: string, kit: ReadonlyMap<string, string>): void {
  try {
    // run as root later: nobody else may put a script there, whatever the umask
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    for (const [name, text] of kit)
      writeFileSync(join(dir, name), text, { flag: "wx", mode: text.startsWith("#!") ? 0o755 : 0o644 });
  } catch (error) {
    throw notWritten(dir, error);
  }
}

/** Undefined where there is no such folder. */
function trying<Value>(dir: string, look: () => Value): Value | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw notWritten(dir, error);
  }
}

const notWritten = (dir: string, error: unknown): DevbackupError =>
  new DevbackupError(
    {
      code: "rescue-kit-not-written",
      exitCode: 1,
      what: `the rescue kit cannot be written to ${dir}`,
      why: error instanceof Error ? error.message : String(error),
      next: "devbackup rescue-kit --out DIR, with a folder that you may write",
    },
    { cause: error },
  );
