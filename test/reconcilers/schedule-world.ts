import { coveredBy, renderStandpoint, type Standpoint } from "../../src/desired-state/standpoint.ts";
import { absent, type Fact, known } from "../../src/domain/fact.ts";
import type { HostName } from "../../src/domain/names.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { Observation } from "../../src/reconcilers/facts.ts";
import type { AskedFacts } from "../../src/reconcilers/schedule/asked-facts.ts";
import type { Broken } from "../../src/reconcilers/schedule/broken.ts";
import type { ScheduleFacts } from "../../src/reconcilers/schedule/schedule-facts.ts";
import { serviceFile, timerFile } from "../../src/reconcilers/schedule/unit-files.ts";
import type { WantedSchedule } from "../../src/reconcilers/schedule/wanted.ts";
import type { Status } from "../../src/status/status.ts";
import { statusOf } from "../../src/status/status-of.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { desired, lookAt } from "./world.ts";

export const [ws, ls] = ["ws", "ls"] as [HostName, HostName];
export const NAME = "0.1.0-0123456789ab";
export const KEY = "ssh-ed25519 AAAAkey";
export const DIGEST = "5e".repeat(32);
export const THESE = coveredBy(desired());
export const FOLDER = "/etc/devbackup/schedule";
export const IDENTITY = `${FOLDER}/id_ed25519`;

export const standpointOn = (on: HostName): Standpoint => ({
  host: on,
  datasets: THESE,
  reach: new Map([
    [on === ls ? ws : ls, { address: "there.lan", port: 2222, user: "chuck", identityFile: IDENTITY }],
  ]),
});

export const wantedOn = (on: HostName): WantedSchedule => ({
  on,
  calendar: "daily",
  stopSeconds: 120,
  program: { name: NAME, machine: "x86_64", system: "Linux" },
  texts: [{ name: "devbackup.yaml", text: "version: 1 # mine\n" }],
  standpoint: standpointOn(on),
  secrets: new Map([["notify-0", { kind: "read", digest: DIGEST }]]),
});

export const BARE: ScheduleFacts = {
  machine: "x86_64",
  system: "Linux",
  current: null,
  programs: [],
  files: new Map(),
  units: [],
  foreign: [],
  secrets: new Map(),
  publicKey: null,
  standpoint: null,
  timer: " inactive",
  nextRun: null,
  lastRun: null,
  retryAt: null,
  lastExit: null,
  hasFailed: false,
  hostKeys: ["ssh-ed25519 AAAAhost"],
  logins: new Map(),
};

export const file = (content: string, mode = "600") => `${mode} 0 ${sha256Of(content)}`;

/** As everything stands on its host once it has been set up. */
export const setUpOn = (on: HostName): ScheduleFacts => ({
  ...BARE,
  current: NAME,
  programs: [NAME],
  files: new Map([
    [`${FOLDER}/desired-state/devbackup.yaml`, file("version: 1 # mine\n")],
    [`${FOLDER}/standpoint.json`, file(renderStandpoint(standpointOn(on)))],
    [`${FOLDER}/known_hosts`, file("[there.lan]:2222 ssh-ed25519 AAAAhost\n")],
    ["/etc/systemd/system/devbackup.service", file(serviceFile(wantedOn(on)), "644")],
    ["/etc/systemd/system/devbackup.timer", file(timerFile(wantedOn(on)), "644")],
  ]),
  units: ["/etc/systemd/system/devbackup.service", "/etc/systemd/system/devbackup.timer"],
  secrets: new Map([["notify-0", DIGEST]]),
  publicKey: KEY,
  standpoint: standpointOn(on),
  timer: "enabled active",
  nextRun: new Date("2026-07-01T03:00:00Z"),
});

export const lettingIn = (
  on: HostName,
  line = `restrict ${KEY} devbackup-schedule-of-${on}`,
): ScheduleFacts => ({
  ...BARE,
  logins: new Map([[on, { user: "chuck", datasets: THESE, line }]]),
});

export const WHOLE: Broken = { programExit: null, secrets: new Set(), key: null };

export interface Given {
  readonly wanted?: WantedSchedule | null;
  readonly onWs?: Fact<ScheduleFacts>;
  readonly onLs?: Fact<ScheduleFacts>;
  readonly asked?: Partial<AskedFacts>;
}

/** A world in which all else is done; what is left out stands as it should on ls. */
export function seenWith({
  wanted = wantedOn(ls),
  onWs = known(lettingIn(ls)),
  onLs = known(setUpOn(ls)),
  asked,
}: Given) {
  const { desired, observed, request } = lookAt({
    rows: "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10",
    target: "2026-03",
    tools: new Set(["btrfs", "zstd", "age", "openssl", "curl", "flock", "ssh-keygen", "ssh"]),
  });
  const schedule: Observation["schedule"] = {
    wanted,
    there: new Map([
      [ws, onWs],
      [ls, onLs],
    ]),
    asked:
      wanted === null
        ? absent
        : known({
            calendar: { kind: "taken", next: "tomorrow" },
            identities: new Set(),
            notified: new Map(),
            systemd: 252,
            broken: WHOLE,
            ...asked,
          }),
  };
  const declared = wanted && { on: wanted.on, calendar: wanted.calendar, reach: new Map() };
  return { desired: { ...desired, schedule: declared }, observed: { ...observed, schedule }, request };
}

export function planWith(given: Given): Plan {
  const { desired, observed, request } = seenWith(given);
  return planFrom(desired, observed, request);
}

export function statusWith(given: Given): Status {
  const { desired, observed, request } = seenWith(given);
  return statusOf(desired, observed, request);
}

/** Set up before a dataset went out of the desired state, or by one that shares a dataset with it. */
export const WITH_WWW = [...THESE, "www:/srv/www"];
export const WITH_WWW_ON_LS = known({
  ...setUpOn(ls),
  standpoint: { ...standpointOn(ls), datasets: WITH_WWW },
  files: new Map([...setUpOn(ls).files, [`${FOLDER}/standpoint.json`, "as it was then"]]),
});
export const lettingInFor = (datasets: readonly string[]) =>
  known({ ...BARE, logins: new Map([[ls, { user: "chuck", datasets, line: "x" }]]) });

/** Bob's, who calls his dataset and his hosts as they are called here. */
export const BOBS = ["dev:/srv/bob/dev"];
export const ofBob = (on: HostName): ScheduleFacts => ({
  ...setUpOn(on),
  standpoint: { ...standpointOn(on), datasets: BOBS },
});
export const withFile = (path: string, is: string | null): Fact<ScheduleFacts> => {
  const files = new Map(setUpOn(ls).files);
  if (is === null) files.delete(path);
  else files.set(path, is);
  return known({ ...setUpOn(ls), files });
};
