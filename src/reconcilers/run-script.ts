import type { Code } from "../domain/code.ts";
import type { AbsolutePath } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Host, RunOptions, RunResult } from "../transport/host.ts";
import { sh } from "../transport/quote.ts";

/** What to say where a script fails. */
export interface Failure extends RunOptions {
  readonly code: Code;
  readonly what: string;
  /** Default: nothing that was complete is touched, and it is safe to run again. */
  readonly state?: string;
  readonly next?: string;
}

/**
 * Lines of sh: `$w` is a folder of the script's own, which goes with it. POSIX leaves it open whether the trap of EXIT
 * runs where a signal ends a shell; in dash(1) it does not, unless a trap of that signal exits.
 */
export const SCRATCH = `w=
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1`;

/** What stands on stdin becomes `file`, synced, in one step. */
export const replaceFile = (file: AbsolutePath): string => sh`
f=${file}
cat >"$f.new"; sync "$f.new"; mv -T -- "$f.new" "$f"; sync "$(dirname -- "$f")"`;

/** The lines on stdin come to stand at the end of `file`, synced; one that was cut off there spoils no other. */
export const appendTo = (file: AbsolutePath): string => sh`
f=${file}
if [ -s "$f" ] && [ -n "$(tail -c 1 -- "$f")" ]; then echo >>"$f"; fi
cat >>"$f"; sync "$f" "$(dirname -- "$f")"`;

/** Runs `script` and turns a non-zero exit into an error that carries the end of its stderr. */
export async function expectSuccess(host: Host, script: string, failure: Failure): Promise<RunResult> {
  const { code, what, state, next, ...options } = failure;
  const result = await host.run(`set -eu\n${script}`, options);
  if (result.exitCode === 0) return result;
  throw new DevbackupError({
    code,
    exitCode: 1,
    host: host.name,
    what,
    why: result.stderr.trim() || `exit code ${result.exitCode}`,
    state: state ?? "Nothing that was complete has been touched; it is safe to run again",
    next: next ?? "devbackup apply",
  });
}
