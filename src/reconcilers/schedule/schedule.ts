import {
  renderStandpoint,
  SCHEDULE_FOLDER,
  SCHEDULE_KNOWN_HOSTS,
  SCHEDULE_STANDPOINT,
} from "../../desired-state/standpoint.ts";
import { sha256Of } from "../../transport/hash.ts";
import { sh } from "../../transport/quote.ts";
import { differencesOf } from "../machine/file-differs.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { FORGET_FAILURE } from "./broken.ts";
import { type Due, dueOf, keyId, loginId, programId, proposeOn } from "./common.ts";
import { secretsNotMended } from "./not-mended.ts";
import { toInstall } from "./program.ts";
import { SERVICE, TIMER, TIMER_STANDS, UNITS } from "./schedule-facts.ts";
import { scheduleProblems } from "./schedule-problems.ts";
import { anotherLogin, type Login, loginsToTry, tryScript } from "./try-logins.ts";
import { CREDENTIALS, serviceFile, timerFile } from "./unit-files.ts";
import type { WantedSchedule } from "./wanted.ts";

interface ScheduleFile {
  readonly path: string;
  /** Octal, as chmod takes it. */
  readonly mode: string;
  readonly content: string;
}

interface Input {
  readonly files: readonly ScheduleFile[];
  /** Files of an earlier desired state. */
  readonly stale: readonly string[];
  /** Credentials whose secrets are to be put there, with their digests; and those to be removed. */
  readonly secrets: readonly (readonly [name: string, digest: string])[];
  readonly former: readonly string[];
  /** Tried before the timer is started. */
  readonly logins: readonly Login[];
  /** This apply does all that a run would do which waits to be tried again. */
  readonly insteadOfRetry: boolean;
}

/** What a scheduled run reads, the units that start it, and the timer. */
export const schedule: Reconciler<Input> = {
  kind: "schedule",
  diff: (view) => {
    const { schedule: seen, desired } = view;
    const problems = seen?.wanted ? scheduleProblems(seen, seen.wanted, desired) : [];
    const due = dueOf(view);
    if (due === null) return { problems };
    const { wanted, there, looked } = due;
    const { on, calendar } = wanted;
    const input = inputOf(due, view);
    const why = whatIsWrong(due, input);
    const next = nextRun(looked);
    const warnings = secretsNotMended(due);
    if (why.length === 0) return { warnings };
    return {
      warnings,
      actions: [
        proposeOn<Input>("schedule", on, {
          change: there.standpoint === null ? "create" : "update",
          summary: `run devbackup apply there: ${calendar}`,
          reason: `${there.standpoint === null ? "its schedule is not set up" : why.join("; ")}; it next runs ${next}`,
          details: [
            ...[...wanted.standpoint.reach].map(
              ([name, { address, port, user }]) => `reaches ${name} as ${user}@${address}, port ${port}`,
            ),
            ...(wanted.secrets.size > 0
              ? [`secrets, encrypted there: ${[...wanted.secrets.keys()].join(", ")}`]
              : []),
            `${UNITS}/${TIMER}, ${SERVICE}; the desired state below ${SCHEDULE_FOLDER}`,
          ],
          needs: [programId(on), keyId(on), ...[...wanted.standpoint.reach.keys()].map(loginId)],
          input,
        }),
      ],
    };
  },
  run: async ({ host: on, input }, tools) => {
    const { files, secrets } = input;
    const values: string[] = [];
    for (const [name] of secrets) values.push(await (await toInstall(tools)).secret(name));
    await expectSuccess(tools.host(on), setUpScript(input, values), {
      code: "schedule-failed",
      what: "the schedule could not be set up",
      stdin: [...files.map(({ content }) => content), ...values].join(""),
      timeoutMs: 5 * 60_000,
      next: anotherLogin(on, input.logins),
    });
    return null;
  },
};

/** Once it stands. One that never comes is a problem. */
function nextRun({ asked }: Due["looked"]): string {
  const calendar = asked.kind === "known" ? asked.value.calendar : null;
  return calendar?.kind === "taken" ? (calendar.next ?? "never") : "when it can be told";
}

function whatIsWrong({ there, broken }: Due, { files, stale, secrets, former }: Input): string[] {
  return [
    ...differencesOf(files, there.files),
    ...stale.map((path) => `${path} is no part of the desired state any more`),
    ...secrets.map(
      ([name]) =>
        `${name} ${broken.secrets.has(name) ? "can't be decrypted there" : there.secrets.has(name) ? "has changed" : "is not there"}`,
    ),
    ...former.map((name) => `${name} is needed no more`),
    ...(there.timer === TIMER_STANDS
      ? []
      : [`${TIMER} is ${there.timer.trim() || "not there"}, not enabled and active`]),
  ];
}

function inputOf(
  { wanted, there, broken, looked }: Due,
  { desired: { hosts }, stages }: Pick<View, "desired" | "stages">,
): Input {
  const files = filesOf(wanted, looked);
  const paths = new Set(files.map(({ path }) => path));
  const states = `${SCHEDULE_FOLDER}/desired-state/`;
  return {
    insteadOfRetry: stages === null,
    files,
    stale: [...there.files.keys()].filter((path) => path.startsWith(states) && !paths.has(path)),
    secrets: [...wanted.secrets].flatMap(([name, secret]) =>
      secret.kind === "read" && (there.secrets.get(name) !== secret.digest || broken.secrets.has(name))
        ? [[name, secret.digest] as const]
        : [],
    ),
    former: [...there.secrets.keys()].filter((name) => !wanted.secrets.has(name)),
    logins: loginsToTry(wanted, hosts),
  };
}

const filesOf = (wanted: WantedSchedule, looked: Due["looked"]): ScheduleFile[] => [
  ...wanted.texts.map(({ name, text }) => ({
    path: `${SCHEDULE_FOLDER}/desired-state/${name}`,
    mode: "600",
    content: text,
  })),
  { path: SCHEDULE_STANDPOINT, mode: "600", content: renderStandpoint(wanted.standpoint) },
  { path: SCHEDULE_KNOWN_HOSTS, mode: "600", content: knownHosts(wanted, looked) },
  { path: `${UNITS}/${SERVICE}`, mode: "644", content: serviceFile(wanted) },
  { path: `${UNITS}/${TIMER}`, mode: "644", content: timerFile(wanted) },
];

/** What each host says of itself over a connection whose host key was known: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
const knownHosts = ({ standpoint }: WantedSchedule, { there }: Due["looked"]): string =>
  [...standpoint.reach]
    .flatMap(([name, { address, port }]) => {
      const facts = there.get(name);
      const at = port === 22 ? address.toLowerCase() : `[${address.toLowerCase()}]:${port}`;
      return facts?.kind === "known" ? facts.value.hostKeys.map((key) => `${at} ${key}\n`) : [];
    })
    .join("");

/** The units come last, and the timer once every other host has let a login in: a schedule that can't work is none. */
function setUpScript(
  { files, stale, secrets, former, logins, insteadOfRetry }: Input,
  values: readonly string[],
): string {
  const taken = ({ path, mode, content }: ScheduleFile) => {
    const size = Buffer.byteLength(content);
    const read = size === 0 ? ":" : sh`dd bs=${size} count=1 iflag=fullblock 2>/dev/null`;
    return sh`f=${path}
`.concat(read, ` >"$f.new"; chmod `, mode, ` "$f.new"; sync "$f.new"`);
  };
  const isUnit = ({ path }: ScheduleFile) => path.startsWith(UNITS);
  const put = (some: readonly ScheduleFile[]) =>
    some.map(({ path }) => sh`mv -T -- ${`${path}.new`} ${path}`).join("\n");
  const encrypt = secrets.map(
    ([name, digest], index) => sh`f=${`${CREDENTIALS}/${name}`}
dd bs=${Buffer.byteLength(values[index] ?? "")} count=1 iflag=fullblock 2>/dev/null | systemd-creds encrypt --name=${name} - "$f.new"
[ -s "$f.new" ]; chmod 600 "$f.new"; sync "$f.new"; mv -T -- "$f.new" "$f"
printf '%s\n' ${digest} >"$f.digest.new"; sync "$f.digest.new"; mv -T -- "$f.digest.new" "$f.digest"`,
  );
  const all = sha256Of(files.map(({ content }) => content).join(""));
  return [
    sh`mkdir -p /etc/devbackup; umask 077
mkdir -p ${[SCHEDULE_FOLDER, `${SCHEDULE_FOLDER}/desired-state`, CREDENTIALS]}
chmod 700 ${SCHEDULE_FOLDER}`,
    ...files.map(taken),
    sh`[ "$(cat -- ${files.map(({ path }) => `${path}.new`)} | sha256sum | cut -c1-64)" = ${all} ] || { echo "it did not arrive whole" >&2; exit 1; }`,
    ...encrypt,
    put(files.filter((file) => !isUnit(file))),
    ...(stale.length + former.length > 0
      ? [
          sh`rm -f -- ${[...stale, ...former.flatMap((name) => [`${CREDENTIALS}/${name}`, `${CREDENTIALS}/${name}.digest`])]}`,
        ]
      : []),
    ...logins.map(tryScript),
    put(files.filter(isUnit)),
    sh`sync -f ${SCHEDULE_FOLDER}; sync -f ${UNITS}
systemctl daemon-reload`,
    ...(insteadOfRetry ? [END_RETRY] : []),
    FORGET_FAILURE,
    sh`systemctl --quiet enable ${TIMER}
systemctl restart ${TIMER}`,
  ].join("\n");
}

/** While a run waits to be tried again, none can be started (systemd.service(5), RestartSec=): a start waits for it, too. */
const END_RETRY = sh`case $(systemctl show --value -p SubState -- ${SERVICE}) in auto-restart*) systemctl stop ${SERVICE} ;; esac`;
