import type { AbsolutePath } from "../domain/names.ts";
import type { Host } from "./host.ts";
import { sh } from "./quote.ts";

const INTERVAL_MS = 1000;
const TIMEOUT_MS = 30_000;

/** Tells the size of a file that grows on `host`, about once a second, until the function it gives is called. */
export const watchSize = (host: Host, file: AbsolutePath, tell: (bytes: number) => void): (() => void) =>
  watchBytes(host, sizeScript(file), tell);

export const sizeScript = (file: AbsolutePath): string => sh`stat -c %s -- ${file} 2>/dev/null || :`;

/** As {@link watchSize}, of what `script` prints: a number of bytes, or nothing where there is none to tell. */
export function watchBytes(host: Host, script: string, tell: (bytes: number) => void): () => void {
  let stopped = false;
  const look = async (): Promise<void> => {
    // a look that fails is no trouble of its own: the pipe beside it will tell
    const { stdout } = await host.run(script, { timeoutMs: TIMEOUT_MS }).catch(() => ({ stdout: "" }));
    if (stopped) return;
    const bytes = Number(stdout);
    if (stdout !== "" && Number.isFinite(bytes)) tell(bytes);
    timer = setTimeout(look, INTERVAL_MS);
  };
  let timer = setTimeout(look, INTERVAL_MS);
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
