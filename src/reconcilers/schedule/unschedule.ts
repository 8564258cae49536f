import type { DesiredState } from "../../desired-state/desired-state.ts";
import { SCHEDULE_FOLDER } from "../../desired-state/standpoint.ts";
import type { HostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
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
import { isOfThese } from "./schedule-problems.ts";
import type { WantedSchedule } from "./wanted.ts";

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
    const on = wanted?.on ?? null;
    return {
      actions: [...looked.there].flatMap(([host, facts]) => {
        if (facts.kind !== "known") return [];
        const input = inputOf(host, facts.value, wanted, desired);
        const { runs, logins } = input;
        if (!runs && logins.length === 0) return [];
        return [
          proposeOn<Input>("unschedule", host, {
            change: "delete",
            summary: runs
              ? "remove its schedule, and all that came with it"
              : `let the schedule of ${logins.join(", ")} in no more`,
            reason: on === null ? "no schedule is declared" : `the schedule is declared for ${on}`,
            details: [
              ...(runs
                ? [...input.units, SCHEDULE_FOLDER, ...input.programs.map((name) => `${OWN_FOLDER}/${name}`)]
                : []),
              ...logins.map(
                (name) =>
                  `the line ${loginComment(name)} in ~${facts.value.logins.get(name)?.user}/.ssh/authorized_keys`,
              ),
            ],
            // the new one stands before the old one goes
            needs: on === null ? [] : [scheduleId(on)],
            input,
          }),
        ];
      }),
    };
  },
  run: async ({ host, input }, tools) => {
    await expectSuccess(tools.host(host), removeScript(input), {
      code: "unschedule-failed",
      what: "the schedule could not be removed",
    });
    return null;
  },
};

function inputOf(
  host: HostName,
  facts: ScheduleFacts,
  wanted: WantedSchedule | null,
  desired: DesiredState,
): Input {
  const { standpoint, units, programs, logins } = facts;
  const on = wanted?.on ?? null;
  const ours = host !== on && (standpoint === null || isOfThese(desired, standpoint));
  const lets = wanted?.standpoint.reach.has(host) === true && desired.hosts.get(host)?.restrict === undefined;
  return {
    runs: ours && (standpoint !== null || units.length + programs.length > 0),
    units,
    programs,
    logins: [...logins].flatMap(([name, letIn]) =>
      isOfThese(desired, letIn) && !(name === on && lets) ? [name] : [],
    ),
  };
}

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
