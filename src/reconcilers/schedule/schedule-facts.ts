import { parseStandpoint, SCHEDULE_FOLDER, type Standpoint } from "../../desired-state/standpoint.ts";
import { known, unknown } from "../../domain/fact.ts";
import { type HostName, parseHostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { OWN_FOLDER, WRITTEN_BY_US } from "../machine/own-folder.ts";
import type { Probe } from "../probe.ts";

export const UNITS = "/etc/systemd/system";
export const SERVICE = "devbackup.service";
export const TIMER = "devbackup.timer";
/** As `systemctl is-enabled` and `is-active` say it. */
export const TIMER_STANDS = "enabled active";
/** A run that found a host away, or another one at work, is tried again after that. */
export const RETRY_MINUTES = 15;
/** What a scheduled run remembers. */
export const STATE_FOLDER = "devbackup-schedule";
/** On a host that a schedule logs in to: a file NAME for each, with the user who lets it in, and its datasets. */
export const LOGINS = "/etc/devbackup/schedule-logins";

/** What of schedules there is on one host. */
export interface ScheduleFacts {
  /** `uname -m` and `uname -s`. */
  readonly machine: string;
  readonly system: string;
  /** What `current` leads to; null for nothing. */
  readonly current: string | null;
  readonly programs: readonly string[];
  /** `MODE UID SHA256`, of the units and of what lies in the schedule's folder. */
  readonly files: ReadonlyMap<string, string>;
  /** The units that devbackup wrote, and those of their names that it did not. */
  readonly units: readonly string[];
  readonly foreign: readonly string[];
  /** Of each credential, the digest of its secret. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Of the key that its runs log in with: `ssh-ed25519 AAAA…`; null where there is none. */
  readonly publicKey: string | null;
  /** Null where there is none; unreadable where it is damaged, or a newer devbackup has written it. */
  readonly standpoint: Standpoint | null | "unreadable";
  /** {@link TIMER_STANDS} where it is as it should be. */
  readonly timer: string;
  /** Null where it is not known. */
  readonly nextRun: Date | null;
  readonly lastRun: Date | null;
  /** When a run that could not be is tried again; null where none waits for that. */
  readonly retryAt: Date | null;
  /** Of the last run; null where there was none since the host was started. */
  readonly lastExit: { readonly at: Date; readonly exitCode: number } | null;
  /** systemd holds the last run for failed: until the next one, or `systemctl reset-failed`. */
  readonly hasFailed: boolean;
  /** The host's own public keys: `ssh-ed25519 AAAA…`. */
  readonly hostKeys: readonly string[];
  /** Which schedules it lets in, by their hosts' names. */
  readonly logins: ReadonlyMap<HostName, LetIn>;
}

export interface LetIn {
  readonly user: string;
  /** As in {@link Standpoint}. */
  readonly datasets: readonly string[];
  /** Its line of authorized_keys, or "". */
  readonly line: string;
}

/** The comment of its line in authorized_keys, by which it is found again. */
export const loginComment = (on: string): string => `devbackup-schedule-of-${on}`;

/** Lines of sh: as a user, with nothing of root's left, and that user's home as HOME. Descriptors 7 and 8 are locks, 0 is the rest of a script's input. No path of a user is root's to go by. */
export const AS_USER = `
as_user() {
  as=$1; shift
  as_home=$(getent passwd "$as" | cut -d: -f6) && as_group=$(id -g -- "$as") && [ -n "$as_home" ] || return
  HOME=$as_home timeout -k 5 20 setpriv --reuid "$as" --regid "$as_group" --init-groups --inh-caps=-all -- "$@" </dev/null 7>&- 8>&-
}`;

/** The units of a schedule. No other path is ever taken for one. */
const UNIT_FILES = [`${UNITS}/${SERVICE}`, `${UNITS}/${TIMER}`];

/** One thing a line, its name first. No `echo`: that of dash makes a new line of the `\n` in a user's file. */
export const scheduleProbe = (host: HostName): Probe<ScheduleFacts> => ({
  host,
  script: `${AS_USER}${sh`
p=${OWN_FOLDER} s=${SCHEDULE_FOLDER} l=${LOGINS} c=${loginComment("")}
say() { printf '%s\n' "$*"; }
say machine "$(uname -m)"; say system "$(uname -s)"
[ ! -L "$p/current" ] || say current "$(readlink -- "$p/current")"
for d in "$p"/[0-9]*-????????????; do [ ! -d "$d" ] || say program "$(basename "$d")"; done
for f in ${UNIT_FILES} "$s"/standpoint.json "$s"/known_hosts "$s"/desired-state/*; do
  if [ -f "$f" ]; then say file "$(stat -c '%a %u' -- "$f")" "$(sha256sum <"$f" | cut -c1-64)" "$f"; fi
done
for f in ${UNIT_FILES}; do
  if [ ! -f "$f" ]; then continue; elif [ "$(head -n 1 -- "$f")" = ${WRITTEN_BY_US} ]; then say unit "$f"; else say foreign "$f"; fi
done
for f in "$s"/credentials/*.digest; do
  n=$(basename "$f" .digest)
  [ ! -f "$f" ] || [ ! -f "$s/credentials/$n" ] || say secret "$n" "$(head -n 1 -- "$f")"
done
[ ! -f "$s/id_ed25519" ] || [ ! -f "$s/id_ed25519.pub" ] || say key "$(head -n 1 -- "$s/id_ed25519.pub")"
[ ! -f "$s/standpoint.json" ] || say standpoint "$(tr -d '\n' <"$s/standpoint.json")"
if [ -f ${`${UNITS}/${TIMER}`} ]; then
  say timer "$(systemctl is-enabled ${TIMER} 2>/dev/null)" "$(systemctl is-active ${TIMER} 2>/dev/null)"
  TZ=UTC systemctl show -p NextElapseUSecRealtime -p LastTriggerUSec -- ${TIMER} 2>/dev/null
fi
if [ -f ${`${UNITS}/${SERVICE}`} ]; then TZ=UTC systemctl show -p SubState -p StateChangeTimestamp -p ExecMainExitTimestamp -p ExecMainCode -p ExecMainStatus -- ${SERVICE} 2>/dev/null; fi
for f in /etc/ssh/ssh_host_*_key.pub; do [ ! -f "$f" ] || say hostkey "$(head -n 1 -- "$f")"; done
for f in "$l"/*; do
  [ -f "$f" ] || continue
  n=$(basename "$f")
  u=$(head -n 1 -- "$f")
  say login "$n" "$u"
  tail -n +2 -- "$f" | while IFS= read -r of; do say login-of "$n" "$of"; done
  say login-line "$n" "$(as_user "$u" sh -c 'cat -- "$HOME/.ssh/authorized_keys"' 2>/dev/null | grep -a -m 1 -e " $c$n\$")"
done
:`}`,
  parse: (stdout) => {
    const lines = stdout.split("\n");
    const all = (name: string, behind = " ") =>
      lines.flatMap((line) =>
        line.startsWith(name + behind) ? [line.slice(name.length + behind.length)] : [],
      );
    const one = (name: string, behind?: string) => all(name, behind)[0] ?? null;
    const machine = one("machine");
    if (machine === null) return unknown("its system could not be read");
    const standpoint = one("standpoint");
    return known({
      machine,
      system: one("system") ?? "",
      current: one("current"),
      programs: all("program").filter((name) => PROGRAM_NAME.test(name)),
      files: new Map(all("file").flatMap(fileOf)),
      units: UNIT_FILES.filter((path) => all("unit").includes(path)),
      foreign: UNIT_FILES.filter((path) => all("foreign").includes(path)),
      secrets: new Map(all("secret").flatMap(secretOf)),
      publicKey: publicKeyOf(one("key")),
      standpoint: standpoint === null ? null : (parseStandpoint(standpoint) ?? "unreadable"),
      timer: one("timer") ?? "",
      nextRun: timeOf(one("NextElapseUSecRealtime", "=")),
      lastRun: timeOf(one("LastTriggerUSec", "=")),
      retryAt: retryAt(one("SubState", "="), timeOf(one("StateChangeTimestamp", "="))),
      lastExit: lastExit(
        timeOf(one("ExecMainExitTimestamp", "=")),
        one("ExecMainCode", "="),
        one("ExecMainStatus", "="),
      ),
      hasFailed: one("SubState", "=") === "failed",
      hostKeys: all("hostkey").flatMap((line) => publicKeyOf(line) ?? []),
      logins: new Map(
        all("login").flatMap((line): [HostName, LetIn][] => {
          const [name = "", user = ""] = line.split(" ");
          const on = parseHostName(name);
          if (on === undefined) return [];
          const [text = ""] = all(`login-line ${on}`);
          return [[on, { user, datasets: all(`login-of ${on}`), line: text }]];
        }),
      ),
    });
  },
});

/** VERSION-HASH. */
const PROGRAM_NAME = /^[0-9][0-9A-Za-z.+-]*-[0-9a-f]{12}$/;

/** `NAME DIGEST`. */
function secretOf(line: string): [name: string, digest: string][] {
  const [, name, digest = ""] = /^([a-z0-9-]+) ([0-9a-f]{64})$/.exec(line) ?? [];
  return name === undefined ? [] : [[name, digest]];
}

/** `MODE UID SHA256 PATH`, of the units and of what lies right in the schedule's folders. */
function fileOf(line: string): [path: string, is: string][] {
  const [, is = "", path = ""] = /^([0-7]+ \d+ [0-9a-f]{64}) (.+)$/s.exec(line) ?? [];
  return UNIT_FILES.includes(path) || LIES_IN_FOLDER.test(path) ? [[path, is]] : [];
}

const LIES_IN_FOLDER = new RegExp(`^${SCHEDULE_FOLDER}/(desired-state/)?[^/.][^/]*$`);

function publicKeyOf(line: string | null): string | null {
  const [type = "", key = ""] = line?.split(" ") ?? [];
  return /^[a-z0-9@.-]+$/.test(type) && /^[A-Za-z0-9+/=]+$/.test(key) ? `${type} ${key}` : null;
}

const retryAt = (state: string | null, since: Date | null): Date | null =>
  since !== null && state?.startsWith("auto-restart")
    ? new Date(since.getTime() + RETRY_MINUTES * 60_000)
    : null;

/** `code` is waitid(2)'s: 1 for one that ended itself; of another, `status` is the signal, told as a shell has it. */
function lastExit(at: Date | null, code: string | null, status: string | null): ScheduleFacts["lastExit"] {
  if (at === null || status === null || !/^\d{1,3}$/.test(status)) return null;
  return { at, exitCode: Number(status) + (code === "1" ? 0 : 128) };
}

/** `Tue 2026-12-01 03:00:00 UTC`, as systemd writes it (systemd.time(7)). */
function timeOf(text: string | null): Date | null {
  const [, day, time] = /^\S+ (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(text ?? "") ?? [];
  return day === undefined ? null : new Date(`${day}T${time}Z`);
}
