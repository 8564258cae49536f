import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadDesiredState } from "../../src/desired-state/load.ts";
import {
  parseStandpoint,
  renderStandpoint,
  type Standpoint,
  secretsOf,
  seenFrom,
} from "../../src/desired-state/standpoint.ts";
import type { HostName } from "../../src/domain/names.ts";
import { scheduleOf } from "../../src/schedule/wanted.ts";
import { CLOUD, check, DATASETS, desiredBy, MINIMAL, problemsOf } from "./states.ts";

const [ws, ls] = ["ws", "ls"] as [HostName, HostName];
const SCHEDULE = "schedule: {on: ls, calendar: daily, reach: {ws: {address: laptop.lan}}}\n";
const STANDPOINT: Standpoint = {
  host: ls,
  datasets: ["dev:/srv/backups/dev"],
  reach: new Map([
    [
      ws,
      { address: "10.0.0.2", port: 2222, user: "chuck", identityFile: "/etc/devbackup/schedule/id_ed25519" },
    ],
  ]),
};
const NOTIFY = `notify:
  - {ntfy: "https://ntfy.sh/open"}
  - {slack: {command: [pass, slack]}}
  - {healthchecks: {env: HC}}
`;

describe("a desired state as its schedule's host sees it", () => {
  test("that host is local, and the others are reached as noted, with keys of the schedule's own", () => {
    const { hosts } = seenFrom(STANDPOINT, desiredBy(MINIMAL + SCHEDULE), "");
    assert.deepEqual(hosts.get(ls)?.connection, { kind: "local" });
    assert.deepEqual(hosts.get(ws)?.connection, {
      kind: "ssh",
      address: "10.0.0.2",
      port: 2222,
      user: "chuck",
      identityFile: "/etc/devbackup/schedule/id_ed25519",
      knownHosts: "/etc/devbackup/schedule/known_hosts",
    });
  });

  test("every secret is a credential, and what is none stays what it is", () => {
    const seen = seenFrom(STANDPOINT, desiredBy(MINIMAL + CLOUD + NOTIFY + SCHEDULE), "/run/c");
    assert.deepEqual(seen.cloud?.accessKeyId, { kind: "file", path: "/run/c/cloud-access-key-id" });
    assert.deepEqual(
      seen.notify.map(({ way }) => ("url" in way ? way.url : null)),
      [
        "https://ntfy.sh/open",
        { kind: "file", path: "/run/c/notify-1" },
        { kind: "file", path: "/run/c/notify-2" },
      ],
    );
    assert.deepEqual(
      [...secretsOf(desiredBy(MINIMAL + CLOUD + NOTIFY))].map(([name, { kind }]) => `${name} ${kind}`),
      ["cloud-access-key-id env", "cloud-secret-access-key file", "notify-1 command", "notify-2 env"],
    );
  });

  test("a restricted login stays restricted, and its administrator is no part of it", () => {
    const yaml = `version: 1
hosts:
  ws: {role: workstation, connection: local}
  ls:
    {role: server, connection: ssh, address: a, user: b, restrict: true, admin: {user: c}, public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X}
${DATASETS}`;
    const over: Standpoint = {
      ...STANDPOINT,
      host: ws,
      reach: new Map([...STANDPOINT.reach].map(([, how]) => [ls, how])),
    };
    const { hosts } = seenFrom(over, desiredBy(yaml), "");
    assert.deepEqual([hosts.get(ls)?.restrict?.login, hosts.get(ls)?.restrict?.admin], ["b", null]);
    assert.equal(seenFrom(STANDPOINT, desiredBy(yaml), "").hosts.get(ls)?.restrict, undefined);
  });

  test("it is read back as it was written, and nothing else is taken for one", () => {
    assert.deepEqual(parseStandpoint(renderStandpoint(STANDPOINT)), STANDPOINT);
    for (const text of ["", "{}", '{"formatVersion":1,"host":"../x","datasets":[],"reach":{}}'])
      assert.equal(parseStandpoint(text), undefined);
    for (const [written, damaged] of [
      ['"port": 2222', '"port": "x"'],
      ['"formatVersion": 1', '"formatVersion": 2'],
      ["dev:/srv", "dev"],
      ["dev:/srv", "dev:srv"],
    ] as const) {
      const text = renderStandpoint(STANDPOINT).replace(written, damaged);
      assert.equal(parseStandpoint(text), undefined, damaged);
    }
  });

  test("it says of which datasets it is so that another one's of that name is told from them", async () => {
    const schedule = await scheduleOf(desiredBy(MINIMAL + SCHEDULE), [], {});
    assert.deepEqual(schedule?.wanted.standpoint.datasets, STANDPOINT.datasets);
  });

  test("a run that is stopped has the time to start again what its hooks have stopped", async () => {
    const stopSeconds = async (text: string) =>
      (await scheduleOf(desiredBy(text), [], {}))?.wanted.stopSeconds ?? 0;
    const hooks = "    hooks: {after_snapshot: [/bin/start], timeout: 20 min}\n";
    assert.ok((await stopSeconds(MINIMAL + hooks + SCHEDULE)) > 20 * 60);
    assert.ok((await stopSeconds(MINIMAL + SCHEDULE)) < 5 * 60);
  });

  test("the environment of a scheduled run says where it stands", async (context) => {
    const cwd = mkdtempSync("/tmp/standpoint-");
    context.after(() => rmSync(cwd, { recursive: true }));
    const [config, file] = [join(cwd, "devbackup.yaml"), join(cwd, "standpoint.json")];
    writeFileSync(config, MINIMAL + SCHEDULE);
    const load = (env: Record<string, string>) => loadDesiredState({ config, env, cwd, home: "/root" });
    assert.throws(() => load({ DEVBACKUP_STANDPOINT: file }), { message: /it can't be used/ });
    writeFileSync(file, renderStandpoint(STANDPOINT));
    const loaded = load({ DEVBACKUP_STANDPOINT: file });
    assert.ok(loaded.kind === "valid");
    assert.equal(loaded.desired.hosts.get(ls)?.connection.kind, "local");
    assert.deepEqual(loaded.texts, [{ name: "devbackup.yaml", text: MINIMAL + SCHEDULE }]);
  });
});

test("a host that is local here, and that the schedule's host has to reach, needs an address", () => {
  const loaded = check(`${MINIMAL}schedule: {on: ls, calendar: daily}\n`);
  assert.ok(loaded.kind === "invalid");
  assert.deepEqual(
    loaded.problems.map(({ line, right }) => `${line} ${right.split(":")[0]}`),
    ["11 schedule.reach.ws"],
  );
  assert.deepEqual(problemsOf(`${MINIMAL}schedule: {on: ws, calendar: daily}\n`), []);
});

test("hosts that are local are one machine, and reach each other without an address", () => {
  const twoDisks = `version: 1
hosts:
  desktop: {role: workstation, connection: local}
  disk2: {role: server, connection: local}
${DATASETS}schedule: {on: desktop, calendar: daily}
`;
  assert.deepEqual(problemsOf(twoDisks), []);
  const standpoint = { host: "desktop" as HostName, datasets: ["dev"], reach: new Map() };
  const { hosts } = seenFrom(standpoint, desiredBy(twoDisks), "");
  assert.deepEqual(
    [...hosts.values()].map(({ connection }) => connection.kind),
    ["local", "local"],
  );
});
