import type { DesiredState } from "../../desired-state/desired-state.ts";
import { parseStandpoint, SCHEDULE_FOLDER, type Standpoint } from "../../desired-state/standpoint.ts";
import { type Fact, known, unknown } from "../../domain/fact.ts";
import type { HostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import type { Probe } from "../reconciler.ts";

export const UNITS = "/etc/systemd/system";
export const SERVICE = "devbackup.service";
export const TIMER = "devbackup.timer";
/** The first line of each unit of ours. */
export const WRITTEN_BY_US = "# Written by devbackup, which sees when it is changed.";
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
  readonly standpoint: Standpoint | null;
  /** `enabled active` where the timer is as it should be. */
  readonly timer: string;
  /** Null where it is not known. */
  readonly nextRun: Date | null;
  readonly lastRun: Date | null;
  /** The host's own public keys: `ssh-ed25519 AAAA…`. */
  readonly hostKeys: readonly string[];
  /** Which schedules it lets in, by their hosts' names. */
  readonly logins: ReadonlyMap<string, LetIn>;
}

export interface LetIn {
  readonly user: string;
  /** Whose schedule it is, as in {@link Standpoint}. */
  readonly datasets: readonly string[];
  /** Its line of authorized_keys, or "". */
  readonly line: string;
}

/** What is asked of the host of a schedule alone, because the desired state says it. */
export interface AskedFacts {
  /** The version; null where there is none. */
  readonly systemd: number | null;
  /** What its systemd makes of the calendar; `next` null for never. */
  readonly calendar:
    | { readonly kind: "taken"; readonly next: string | null }
    | { readonly kind: "refused"; readonly why: string };
  /** Of the identity files that restricted logins need, those that are there. */
  readonly identities: ReadonlySet<string>;
}

/** The comment of its line in authorized_keys, by which it is found again. */
export const loginComment = (on: string): string => `devbackup-schedule-of-${on}`;

/** Lines of sh: as a user, with nothing of root's left, and that user's home as HOME. No path of a user is root's to go by. */
export const AS_USER = `
as_user() {
  as=$1; shift
  as_home=$(getent passwd "$as" | cut -d: -f6) && as_group=$(id -g -- "$as") && [ -n "$as_home" ] || return
  HOME=$as_home timeout -k 5 20 setpriv --reuid "$as" --regid "$as_group" --init-groups --inh-caps=-all -- "$@"
}`;

export const scheduleProbe = (host: HostName): Probe<ScheduleFacts> => ({
  host,
  script: `${AS_USER}${sh`
p=${OWN_FOLDER} s=${SCHEDULE_FOLDER} l=${LOGINS} c=${loginComment("")}
echo "machine $(uname -m)"; echo "system $(uname -s)"
[ ! -L "$p/current" ] || echo "current $(readlink -- "$p/current")"
for d in "$p"/[0-9]*-????????????; do [ ! -d "$d" ] || echo "program $(basename "$d")"; done
for f in ${[`${UNITS}/${SERVICE}`, `${UNITS}/${TIMER}`]} "$s"/standpoint.json "$s"/known_hosts "$s"/desired-state/*; do
  if [ -f "$f" ]; then echo "file $(stat -c '%a %u' -- "$f") $(sha256sum <"$f" | cut -c1-64) $f"; fi
done
for f in ${[`${UNITS}/${SERVICE}`, `${UNITS}/${TIMER}`]}; do
  if [ ! -f "$f" ]; then continue; elif [ "$(head -n 1 -- "$f")" = ${WRITTEN_BY_US} ]; then echo "unit $f"; else echo "foreign $f"; fi
done
for f in "$s"/credentials/*.digest; do
  n=$(basename "$f" .digest)
  [ ! -f "$f" ] || [ ! -f "$s/credentials/$n" ] || echo "secret $n $(head -n 1 -- "$f")"
done
[ ! -f "$s/id_ed25519" ] || [ ! -f "$s/id_ed25519.pub" ] || echo "key $(head -n 1 -- "$s/id_ed25519.pub")"
[ ! -f "$s/standpoint.json" ] || echo "standpoint $(tr -d '\n' <"$s/standpoint.json")"
if [ -f ${`${UNITS}/${TIMER}`} ]; then
  echo "timer $(systemctl is-enabled ${TIMER} 2>/dev/null) $(systemctl is-active ${TIMER} 2>/dev/null)"
  TZ=UTC systemctl show -p NextElapseUSecRealtime -p LastTriggerUSec -- ${TIMER} 2>/dev/null
fi
for f in /etc/ssh/ssh_host_*_key.pub; do [ ! -f "$f" ] || echo "hostkey $(head -n 1 -- "$f")"; done
for f in "$l"/*; do
  [ -f "$f" ] || continue
  n=$(basename "$f")
  { IFS= read -r u; IFS= read -r of; } <"$f"
  echo "login $n $u $of $(as_user "$u" sh -c 'cat -- "$HOME/.ssh/authorized_keys"' 2>/dev/null | grep -m 1 -e " $c$n\$")"
done
:`}`,
  parse: (stdout) => {
    const one = (name: string) => new RegExp(`^${name}[ =](.+)$`, "m").exec(stdout)?.[1] ?? null;
    const all = (name: string) =>
      [...stdout.matchAll(new RegExp(`^${name} (.+)$`, "gm"))].map(([, rest = ""]) => rest.split(" "));
    const machine = one("machine");
    if (machine === null) return unknown("its system could not be read");
    return known({
      machine,
      system: one("system") ?? "",
      current: one("current"),
      programs: all("program").flatMap(([name = ""]) => (PROGRAM_NAME.test(name) ? [name] : [])),
      files: new Map(
        all("file").map(([mode, uid, sha256, ...path]) => [path.join(" "), `${mode} ${uid} ${sha256}`]),
      ),
      units: all("unit").map((path) => path.join(" ")),
      foreign: all("foreign").map((path) => path.join(" ")),
      secrets: new Map(all("secret").map(([name = "", digest = ""]) => [name, digest])),
      publicKey: publicKeyOf(all("key")[0]),
      standpoint: parseStandpoint(one("standpoint") ?? "") ?? null,
      timer: one("timer") ?? "",
      nextRun: timeOf(one("NextElapseUSecRealtime")),
      lastRun: timeOf(one("LastTriggerUSec")),
      hostKeys: all("hostkey").flatMap((words) => publicKeyOf(words) ?? []),
      logins: new Map(
        all("login").map(([name = "", user = "", datasets = "", ...line]) => [
          name,
          { user, datasets: datasets.split(","), line: line.join(" ") },
        ]),
      ),
    });
  },
});

/** VERSION-HASH. */
const PROGRAM_NAME = /^[0-9][0-9A-Za-z.+-]*-[0-9a-f]{12}$/;

const publicKeyOf = ([type, key]: readonly string[] = []): string | null =>
  /^[a-z0-9@.-]+$/.test(type ?? "") && /^[A-Za-z0-9+/=]+$/.test(key ?? "") ? `${type} ${key}` : null;

/** `Tue 2026-12-01 03:00:00 UTC`, as systemd writes it (systemd.time(7)). */
function timeOf(text: string | null): Date | null {
  const [, day, time] = /^\S+ (\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}) UTC$/.exec(text ?? "") ?? [];
  return day === undefined ? null : new Date(`${day}T${time}Z`);
}

/** Null where no schedule is declared. */
export const askedProbe = ({ schedule, hosts }: DesiredState): Probe<AskedFacts> | null =>
  schedule && {
    host: schedule.on,
    script: sh`
v=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p'); echo "systemd $v"
for f in ${restrictedIdentities(hosts)}; do [ ! -f "$f" ] || echo "identity $f"; done
if said=$(systemd-analyze calendar -- ${schedule.calendar} 2>&1); then echo taken; else echo refused; fi
printf '%s\n' "$said"`,
    parse: parseAsked,
  };

/** Where a login is kept to one key, that key has to be where it logs in from. */
const restrictedIdentities = (hosts: DesiredState["hosts"]): string[] =>
  [...hosts.values()].flatMap(({ restrict, connection }) =>
    restrict !== undefined && connection.kind === "ssh" ? (connection.identityFile ?? []) : [],
  );

function parseAsked(stdout: string): Fact<AskedFacts> {
  const identities = new Set([...stdout.matchAll(/^identity (.+)$/gm)].map(([, path = ""]) => path));
  const version = /^systemd (\d+)$/m.exec(stdout)?.[1];
  const systemd = version === undefined ? null : Number(version);
  const verdict = /^(taken|refused)$/m.exec(stdout);
  if (verdict === null) return unknown("systemd-analyze gave no answer");
  const said = stdout.slice(verdict.index + verdict[0].length);
  if (verdict[0] === "refused")
    return known({
      calendar: { kind: "refused", why: said.trim().replaceAll("\n", "; ") },
      identities,
      systemd,
    });
  const next = /^ *Next elapse: (.+)$/m.exec(said)?.[1] ?? null;
  return known({ calendar: { kind: "taken", next: next === "never" ? null : next }, identities, systemd });
}
