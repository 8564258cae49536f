import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { shellWord } from "../domain/shell-word.ts";
import { Undelivered } from "./undelivered.ts";

const MOST_BYTES = 1 << 20;

/** What stands in `file`, or "" where nothing can be read there; whoever can write beside it may put anything in its place. */
export async function readTextfile(file: string): Promise<string> {
  try {
    // not through a link, and a pipe does not hold anybody up
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { size } = await handle.stat();
      return size > MOST_BYTES ? "" : await handle.readFile("utf8");
    } finally {
      await handle.close();
    }
  } catch {
    return "";
  }
}

/** What to make, and what happens meanwhile. */
const MENDS: Readonly<Record<string, (folder: string) => string>> = {
  ENOENT: (folder) =>
    `: there is no folder ${folder}. Make it (mkdir -p ${shellWord(folder)}), and have node_exporter read it (--collector.textfile.directory). ${MEANWHILE}`,
  EACCES: (folder) => `: ${userInfo().username} may not write to ${folder}. ${MEANWHILE}`,
};
const MEANWHILE = "Until then Prometheus hears nothing; backups are made all the same";

/**
 * Replaces `file` in one step, readable by everybody: node_exporter has a user of its own, and never finds half of it.
 * `id` is of this run alone. Without `text` it only tries.
 * @throws Undelivered
 */
export async function writeTextfile(file: string, text: string | null, id: string): Promise<void> {
  // the collector reads what ends with .prom
  const made = `${file}.${id}.new`;
  const handle = await open(made, "wx", 0o644).catch(refuse);
  try {
    await handle.writeFile(text ?? "");
    // whatever the umask is
    await handle.chmod(0o644);
    await (text === null ? rm(made) : rename(made, file));
  } catch (error) {
    await rm(made, { force: true }).catch(() => undefined);
    refuse(error);
  } finally {
    await handle.close();
  }

  function refuse(error: unknown): never {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Undelivered(
      `${file} can't be written (${code ?? message})${MENDS[code ?? ""]?.(dirname(file)) ?? ""}`,
    );
  }
}
