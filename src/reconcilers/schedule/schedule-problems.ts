import type { DesiredState } from "../../desired-state/desired-state.ts";
import type { Code } from "../../domain/code.ts";
import type { Fact } from "../../domain/fact.ts";
import { fileName, type HostName } from "../../domain/names.ts";
import type { Problem } from "../../plan/plan.ts";
import { UNKNOWN_STATE } from "../answer.ts";
import type { AskedFacts } from "./asked-facts.ts";
import type { ScheduleFacts } from "./schedule-facts.ts";
import type { LookedAtSchedule, WantedSchedule } from "./wanted.ts";
import { anothersLogin, anothersSchedule } from "./whose.ts";

/** systemd.exec(5): LoadCredentialEncrypted= came with 250. */
const OLDEST_SYSTEMD = 250;

/** What has to be put right by hand before a schedule can stand. */
export function scheduleProblems(
  { there, asked }: LookedAtSchedule,
  wanted: WantedSchedule,
  desired: DesiredState,
): readonly Problem[] {
  const { on } = wanted;
  const facts = there.get(on);
  if (facts?.kind !== "known") return [notLookedAt(on, "its schedule", facts)];
  if (asked.kind !== "known") return [notLookedAt(on, "the calendar", asked)];
  const { systemd } = asked.value;
  if (systemd === null || systemd < OLDEST_SYSTEMD) return [tooOld(on, systemd)];
  return [
    ...calendarProblems(wanted, asked.value),
    ...foreignProblems(on, facts.value),
    ...anothersSchedule(on, desired, facts.value),
    ...programProblems(wanted, facts.value),
    ...secretProblems(wanted, facts.value),
    ...[...wanted.standpoint.reach].flatMap(([name, { identityFile, user }]) => {
      const restrict = desired.hosts.get(name)?.restrict;
      if (restrict === undefined) return letInProblems(name, on, desired, there.get(name));
      if (user !== restrict.login) return [wrongLogin(on, name, user, restrict.login)];
      return asked.value.identities.has(identityFile) ? [] : [noIdentity(on, name, identityFile)];
    }),
  ];
}

const says = (host: HostName, code: Code, text: string, next: string): Problem => ({
  code,
  host,
  dataset: null,
  text,
  next,
});

const notLookedAt = (
  host: HostName,
  thing: string,
  fact: Exclude<Fact<unknown>, { kind: "known" }> | undefined,
): Problem =>
  says(
    host,
    UNKNOWN_STATE,
    `${thing} could not be looked at: ${fact?.kind === "unknown" ? fact.why : "it was not asked"}`,
    "put that right and run the same command again; nothing has been changed",
  );

const tooOld = (on: HostName, systemd: number | null): Problem =>
  says(
    on,
    "schedule-systemd",
    systemd === null
      ? "it has no systemd, which is what a schedule is run by"
      : `its systemd is version ${systemd}, which can keep no encrypted credentials for a service`,
    `another host in schedule.on, or systemd ${OLDEST_SYSTEMD} or newer; or leave \`schedule\` out, and have cron run devbackup apply --yes`,
  );

function calendarProblems({ on, calendar: text }: WantedSchedule, { calendar }: AskedFacts): Problem[] {
  if (calendar.kind === "refused")
    return [
      says(
        on,
        "schedule-calendar",
        `its systemd does not take the calendar \`${text}\`: ${calendar.why}`,
        'schedule.calendar as systemd.time(7) has it, such as "daily" or "*-*-01 03:00:00"; systemd-analyze calendar tries one',
      ),
    ];
  if (calendar.next !== null) return [];
  return [
    says(
      on,
      "schedule-calendar",
      `the calendar \`${text}\` never comes again`,
      "schedule.calendar with a time ahead",
    ),
  ];
}

const foreignProblems = (on: HostName, { foreign }: ScheduleFacts): Problem[] =>
  foreign.map((path) =>
    says(
      on,
      "schedule-not-ours",
      `${path} is there, and devbackup did not write it`,
      `where it is not needed any more: systemctl disable --now ${fileName(path)} && rm ${path}`,
    ),
  );

/** Whether what runs devbackup here runs there, too, as far as that can be told beforehand. */
export const fits = ({ program }: WantedSchedule, { machine, system }: ScheduleFacts): boolean =>
  program !== null && program.machine === machine && program.system === system;

/** What was installed from a machine that fits does its work, wherever else apply is run. */
function programProblems(wanted: WantedSchedule, facts: ScheduleFacts): Problem[] {
  const { on, program } = wanted;
  if (fits(wanted, facts) || facts.current !== null) return [];
  if (program === null)
    return [
      says(
        on,
        "schedule-unbuilt",
        "this devbackup runs from its source, and can't be installed elsewhere",
        "npm run build, and then bin/devbackup",
      ),
    ];
  return [
    says(
      on,
      "schedule-other-machine",
      `it is ${facts.system} on ${facts.machine}, and what runs devbackup here is for ${program.system} on ${program.machine}`,
      `apply from a machine of its kind, ${on} itself for one: what is installed there is what apply runs with`,
    ),
  ];
}

const secretProblems = ({ on, secrets }: WantedSchedule, there: ScheduleFacts): Problem[] =>
  [...secrets].flatMap(([name, secret]) =>
    secret.kind === "unreadable" && !there.secrets.has(name)
      ? [
          says(
            on,
            "schedule-secret",
            `its runs need ${name}, which can't be read here: ${secret.why}`,
            secret.next,
          ),
        ]
      : [],
  );

function letInProblems(
  name: HostName,
  on: HostName,
  desired: DesiredState,
  facts: Fact<ScheduleFacts> | undefined,
): Problem[] {
  if (facts?.kind !== "known") return [notLookedAt(name, "how it lets in a schedule", facts)];
  const { hostKeys, logins } = facts.value;
  const anothers = anothersLogin(name, on, desired, logins.get(on));
  if (hostKeys.length > 0) return anothers;
  return [
    ...anothers,
    says(
      name,
      "schedule-host-key",
      "its own host keys were not found: the schedule could not tell it from another machine",
      "keep them as /etc/ssh/ssh_host_*_key.pub, where OpenSSH has them",
    ),
  ];
}

const wrongLogin = (on: HostName, name: HostName, user: string, login: string): Problem =>
  says(
    name,
    "schedule-login",
    `${on} would log in to it as ${user}, and its restricted login is ${login}`,
    `set schedule.reach.${name}.user to ${login}`,
  );

const noIdentity = (on: HostName, name: HostName, file: string): Problem =>
  says(
    on,
    "schedule-login",
    file === ""
      ? `the login of ${name} is restricted to its own key, and the desired state does not say where that is`
      : `the login of ${name} is restricted to its own key, and ${file} is not there`,
    file === ""
      ? `hosts.${name}.identity_file: where its private key lies on ${on}`
      : `put the private key of hosts.${name}.public_key there, mode 0600`,
  );
