import { SCHEDULE_FOLDER, SCHEDULE_STANDPOINT } from "../../desired-state/standpoint.ts";
import { OWN_FOLDER, WRITTEN_BY_US } from "../machine/own-folder.ts";
import { RETRY_MINUTES, SERVICE, STATE_FOLDER } from "./schedule-facts.ts";
import type { WantedSchedule } from "./wanted.ts";

export const CREDENTIALS = `${SCHEDULE_FOLDER}/credentials`;

/** The program as systemd and people call it there. */
const PROGRAM = `${OWN_FOLDER}/current/devbackup`;
const CONFIG = `--config ${SCHEDULE_FOLDER}/desired-state`;

/**
 * Exit codes 3 and 4 are another run under way, and a host that can't be reached: a laptop that sleeps. Both pass, and
 * what is due is found again by looking, whenever that is. Type=oneshot would not be tried again by its exit code
 * (systemd.service(5), RestartForceExitStatus=).
 *
 * A run that is stopped ends in order, and first runs the hook that starts again what another has stopped: told is the program
 * alone (systemd.kill(5), KillMode=mixed), which has the time for it.
 */
export const serviceFile = ({
  secrets,
  stopSeconds,
}: Pick<WantedSchedule, "secrets" | "stopSeconds">): string => `${WRITTEN_BY_US}
[Unit]
Description=devbackup: back up what is due
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${PROGRAM} apply --yes ${CONFIG}
ExecStopPost=-${PROGRAM} notify --after-run ${CONFIG}
Environment=DEVBACKUP_STANDPOINT=${SCHEDULE_STANDPOINT}
Environment=XDG_STATE_HOME=%S/${STATE_FOLDER}
StateDirectory=${STATE_FOLDER}
StateDirectoryMode=0700
${[...secrets.keys()].map((name) => `LoadCredentialEncrypted=${name}:${CREDENTIALS}/${name}\n`).join("")}Restart=no
RestartForceExitStatus=3 4
RestartSec=${RETRY_MINUTES}min
KillMode=mixed
TimeoutStopSec=${stopSeconds}s
LimitCORE=0
Nice=19
IOSchedulingClass=idle
`;

/** A run that was missed while the machine was off is caught up when it is on again. */
export const timerFile = ({ calendar }: Pick<WantedSchedule, "calendar">): string => `${WRITTEN_BY_US}
[Unit]
Description=devbackup: when ${SERVICE} runs

[Timer]
OnCalendar=${calendar}
Persistent=true
AccuracySec=1s

[Install]
WantedBy=timers.target
`;
