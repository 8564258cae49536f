import type { DesiredState } from "../../desired-state/desired-state.ts";
import { eachMachine, isOneMachine } from "../../desired-state/machines.ts";
import { SCHEDULE_FOLDER, SCHEDULE_STANDPOINT } from "../../desired-state/standpoint.ts";
import type { HostName } from "../../domain/names.ts";
import type { Action, Warning } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { type Answer, together } from "../answer.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { proposeOn, scheduleId } from "./common.ts";
import { leave } from "./login.ts";
import {
  AS_USER,
  LOGINS,
  loginComment,
  type ScheduleFacts,
  SERVICE,
  STATE_FOLDER,
  TIMER,
} from "./schedule-facts.ts";
import type { WantedSchedule } from "./wanted.ts";
import { whoseIs } from "./whose.ts";

interface Input {
  /** A schedule of ours stands here, or what is left of one. */
  readonly runs: boolean;
  readonly units: readonly string[];
  readonly programs: readonly string[];
  /** The hosts whose schedules are let in. */
  readonly logins: readonly HostName[];
}

/** A schedule that is declared no more, or for another host: all of it goes, and nothing that devbackup did not put there. */
export const unschedule: Reconciler<Input> = {
  kind: "unschedule",
  diff: ({ schedule: looked, desired }) => {
    if (looked?.wanted === undefined) return {};
    const { wanted } = looked;
    // what stands on the schedule's own machine is that schedule's, whatever else the machine is called
    return together(
      eachMachine(looked.there, desired, wanted?.on).map(([host, facts]) =>
        facts.kind === "known" ? onHost(host, facts.value, wanted, desired) : {},
      ),
    );
  },
  run: async ({ host, input }, tools) => {
    await expectSuccess(tools.host(host), removeScript(input), {
      code: "unschedule-failed",
      what: "the schedule could not be removed",
    });
    return null;
  },
};

function onHost(
  host: HostName,
  facts: ScheduleFacts,
  wanted: WantedSchedule | null,
  desired: DesiredState,
): Answer<Input> {
  const { units, programs } = facts;
  const on = wanted?.on ?? null;
  const lets = [...(wanted?.standpoint.reach.keys() ?? [])].some(
    (name) => isOneMachine(desired, name, host) && desired.hosts.get(name)?.restrict === undefined,
  );
  const former = [...facts.logins].filter(([name]) => !(name === on && lets));
  const standing = host === on ? null : facts.standpoint;
  const runs =
    standing === null
      ? host !== on && units.length + programs.length > 0
      : standing !== "unreadable" && whoseIs(desired, standing.datasets) === "ours";
  const ours = former.filter(([, { datasets }]) => whoseIs(desired, datasets) === "ours");
  const input: Input = { runs, units, programs, logins: ours.map(([name]) => name) };
  return {
    actions: runs || ours.length > 0 ? [removal(host, input, facts, on)] : [],
    warnings: [
      ...standingOn(host, standing, desired),
      ...former.flatMap(([name, { datasets }]) =>
        whoseIs(desired, datasets) === "partly"
          ? kept(host, `it lets in the schedule of ${name}, of ${datasets.join(", ")}, ${notAll(name)}`)
          : [],
      ),
    ],
  };
}

function removal(host: HostName, input: Input, facts: ScheduleFacts, on: HostName | null): Action<Input> {
  const { runs, units, programs, logins } = input;
  return proposeOn<Input>("unschedule", host, {
    change: "delete",
    summary: runs
      ? "remove its schedule, and all that came with it"
      : `let the schedule of ${logins.join(", ")} in no more`,
    reason: on === null ? "no schedule is declared" : `the schedule is declared for ${on}`,
    details: [
      ...(runs ? [...units, SCHEDULE_FOLDER, ...programs.map((name) => `${OWN_FOLDER}/${name}`)] : []),
      ...logins.map(
        (name) => `the line ${loginComment(name)} in ~${facts.logins.get(name)?.user}/.ssh/authorized_keys`,
      ),
    ],
    // the new one stands before the old one goes
    needs: on === null ? [] : [scheduleId(on)],
    input,
  });
}

/** What may be this desired state's, and is not for certain, is no more than told of. */
function standingOn(host: HostName, standing: ScheduleFacts["standpoint"], desired: DesiredState): Warning[] {
  if (standing === null) return [];
  if (standing === "unreadable")
    return kept(
      host,
      `a schedule stands there, and whose it is can't be told: a newer devbackup has written ${SCHEDULE_STANDPOINT}, or it is damaged. It is left as it is; where it is this desired state's: rm ${SCHEDULE_STANDPOINT} there, and the next apply removes the rest`,
    );
  const { datasets } = standing;
  return whoseIs(desired, datasets) === "partly"
    ? kept(host, `a schedule of ${datasets.join(", ")} stands there, ${notAll(host)}`)
    : [];
}

const notAll = (on: HostName): string =>
  `which are not all in this desired state. It is left as it is; where it is this one's, apply once with schedule.on: ${on}, and then as it is now`;

const kept = (host: HostName, text: string): Warning[] => [
  { code: "schedule-kept", host, dataset: null, text },
];

/** Of the credentials, the host's own secret stays: systemd made it, and others may use it. */
function removeScript({ runs, units, programs, logins }: Input): string {
  const schedule = sh`
systemctl --quiet disable --now ${TIMER} 2>/dev/null || :
systemctl stop ${SERVICE} 2>/dev/null || :
rm -f -- ${["/var/lib/systemd/timers/stamp-devbackup.timer", ...units]}
systemctl daemon-reload
systemctl reset-failed ${[SERVICE, TIMER]} 2>/dev/null || :
rm -rf --one-file-system -- ${[SCHEDULE_FOLDER, `/var/lib/${STATE_FOLDER}`]}
if cd ${OWN_FOLDER} 2>/dev/null; then
  for d in ${programs} [0-9]*.new; do rm -rf --one-file-system -- "./$d"; done
  rm -f -- ./current ./current.new
  cd /; rmdir --ignore-fail-on-non-empty ${OWN_FOLDER}
fi`;
  const entered = logins.map((name) => `${sh`f=${`${LOGINS}/${name}`}`}${leave(name)}`);
  return `${AS_USER}
${[...(runs ? [schedule] : []), ...entered].join("\n")}${sh`
for d in ${[LOGINS, "/etc/devbackup"]}; do [ ! -d "$d" ] || rmdir --ignore-fail-on-non-empty -- "$d"; done`}`;
}
