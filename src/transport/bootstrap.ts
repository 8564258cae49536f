import type { Code } from "../domain/code.ts";
import type { HostName } from "../domain/names.ts";
import { DevbackupError, type Trouble } from "../domain/trouble.ts";

/**
 * The one constant command that is started on every host. It reads a framed script from stdin (see `framed`
 * in `host.ts`), says on stderr that it got so far, and runs it with the rest of stdin as the script's own.
 *
 * The text stands in single quotes on a login shell's command line, so it holds none of `'`, `\` and `!`:
 * then sh, dash, bash, zsh, fish and csh all take it alike.
 */
export function bootstrapArgv(become: "none" | "sudo"): readonly string[] {
  return become === "none" ? ["sh", "-c", READ_AND_RUN] : ["sh", "-c", AS_ROOT, "sh", READ_AND_RUN];
}

/** The first thing on stderr behind the login shell and sudo; the number is the process id of the script. */
export const STARTED = /^devbackup-shell ([0-9]+)\n/m;

// `dd` reads no byte beyond its count, which `head -c` of busybox and uutils does. A script that was cut off
// by a dying link must never run in part, hence the length check (in bytes: LC_ALL=C).
const READ_AND_RUN = [
  `PATH="$\{PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin" LC_ALL=C`,
  "export PATH LC_ALL",
  "umask 022",
  "IFS= read -r n || exit 125",
  `s=$(dd bs="$n" count=1 iflag=fullblock 2>/dev/null; echo x)`,
  `[ "$\{#s}" -eq "$((n + 1))" ] || exit 125`,
  `echo "devbackup-shell $$" >&2`,
  `eval "unset n s; $\{s%x}"`,
].join("; ");

// LC_ALL=C, because sudo's own messages are told apart below
const AS_ROOT = [
  "LC_ALL=C",
  "export LC_ALL",
  'if [ "$(id -u)" = 0 ]; then exec sh -c "$1"; fi',
  "if command -v sudo >/dev/null 2>&1; then :; else echo devbackup-no-sudo >&2; exit 127; fi",
  'exec sudo -n sh -c "$1"',
].join("; ");

/** What stderr tells of the start of a script. */
export interface Started {
  /** Process id on the host; undefined where the script was never reached. */
  readonly pid: number | undefined;
  /** What the script itself has said; where it was not reached, what login shell and sudo said. */
  readonly stderr: string;
}

/** Finds the bootstrap's own line on stderr and leaves out what login shell and sudo said before it. */
export function readStart(stderr: string): Started {
  const match = STARTED.exec(stderr);
  if (match === null) return { pid: undefined, stderr };
  return { pid: Number(match[1]), stderr: stderr.slice(match.index + match[0].length) };
}

/** What login, PAM and sudo may take until the script begins. A host that is well otherwise may hang there for ever. */
export const START_TIMEOUT_MS = 60_000;

/** What such a host is told as. */
export const notBegun = (host: HostName, withinMs: number): DevbackupError =>
  new DevbackupError({
    code: "shell-silent",
    exitCode: 4,
    host,
    what: `the host answers, but began no command within ${Math.ceil(withinMs / 1000)} s`,
    why: "A login shell, a PAM module (a directory service that is away, a home that is not mounted) or sudo hangs there",
    state: "What was to be run there had not begun; the next run looks at it anew",
    next: "Log in by hand and see where it hangs: time sudo -n true",
  });

const STDOUT_MARKER = "devbackup-stdout\n";

/** Lets the script's stdout begin with a line that {@link readOutput} finds again. Not for bulk pipes. */
export const marked = (script: string): string => `echo devbackup-stdout; ${script}`;

/** What a {@link marked} script has printed, apart from what came before it; undefined until it has begun. */
export function readOutput(stdout: string): { readonly noise: string; readonly stdout: string } | undefined {
  const at = stdout.indexOf(STDOUT_MARKER);
  return at < 0 ? undefined : { noise: stdout.slice(0, at), stdout: stdout.slice(at + STDOUT_MARKER.length) };
}

/** A login shell that prints spoils every bulk pipe, as it does scp and rsync: said before one is tried. */
export const noisyLogin = (host: HostName, noise: string): DevbackupError =>
  new DevbackupError({
    code: "login-noisy",
    exitCode: 4,
    host,
    what: "the login shell prints text of its own even for a single command",
    why: noise.trim().slice(0, 500),
    state: "Its output would end up in the middle of a backup",
    next: "Let its start-up file (often ~/.bashrc) print on terminals only: case $- in *i*) ;; *) return ;; esac",
  });

/** Why a script that was never reached did not start: from what sudo or the login shell said. */
export function notStarted(host: HostName, exitCode: number, stderr: string, stdout = ""): DevbackupError {
  const said = `${stderr}\n${stdout}`.trim().slice(-2000);
  const about = (code: Code, what: string, next: string): DevbackupError => {
    const trouble: Trouble = { code, exitCode: 4, host, what, next, state: NOTHING_DONE };
    return new DevbackupError(said === "" ? trouble : { ...trouble, why: said });
  };
  const refusal = /^devbackup-refused (.+)$/m.exec(stderr)?.[1];
  if (refusal !== undefined)
    return about("restricted", `its restricted login does not do this: ${refusal}`, ADMINISTER);
  if (/^devbackup-no-sudo$/m.test(stderr)) {
    return about("sudo-missing", "root is needed there, and sudo is not installed", NO_SUDO);
  }
  if (/sudo: .*(password is required|must have a tty|terminal is required|askpass)/.test(stderr)) {
    return about("sudo-password", "sudo wants a password, and nobody is there to type it", SUDOERS);
  }
  if (/not in the sudoers|not allowed to (execute|run)|may not run sudo/.test(stderr)) {
    return about("sudo-refused", "sudo does not let the login run sh as root", SUDOERS);
  }
  if (/^sudo: /m.test(stderr)) return about("sudo-failed", "sudo did not start a shell", "Try: sudo -n true");
  return about(
    "shell-failed",
    `the login started no POSIX shell (exit code ${exitCode})`,
    "Log in by hand and run: sh -c 'echo ok'; the login shell may be nologin, or a forced command stand in its way",
  );
}

const NOTHING_DONE = "Nothing was run there; safe to run again";
const ADMINISTER =
  "With an administrator's login (`admin` of the host, or a desired state whose `user` it is): devbackup apply. It " +
  "does what this login may not, and brings what is allowed into line with this devbackup and this desired state";
const NO_SUDO = "Install sudo there, or log in as root and set `become: none`";
const SUDOERS =
  "On that host run `visudo -f /etc/sudoers.d/devbackup` and write `LOGIN ALL=(root) NOPASSWD: ALL`, LOGIN " +
  "being the user who logs in; or log in as root and set `become: none`";
