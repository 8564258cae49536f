import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renderStandpoint } from "../../src/desired-state/standpoint.ts";
import { known, unknown } from "../../src/domain/fact.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { ScheduleFacts } from "../../src/reconcilers/schedule/schedule-facts.ts";
import type { WantedSchedule } from "../../src/reconcilers/schedule/wanted.ts";
import {
  BARE,
  BOBS,
  DIGEST,
  FOLDER,
  file,
  type Given,
  lettingIn,
  lettingInFor,
  ls,
  NAME,
  ofBob,
  planWith,
  seenWith,
  setUpOn,
  standpointOn,
  statusWith,
  WHOLE,
  WITH_WWW,
  WITH_WWW_ON_LS,
  wantedOn,
  withFile,
  ws,
} from "./schedule-world.ts";

describe("a schedule in the plan", () => {
  const rows: readonly (Given & {
    readonly name: string;
    readonly actions: readonly string[];
    readonly says?: RegExp;
  })[] = [
    { name: "stands as it should", actions: [] },
    {
      name: "nothing of it is there",
      onWs: known(BARE),
      onLs: known(BARE),
      actions: ["schedule-program:ls", "schedule-key:ls", "schedule-login:ws", "schedule:ls"],
      says: /not set up; it next runs tomorrow/,
    },
    {
      name: "another build",
      onLs: known({ ...setUpOn(ls), current: "0.1.0-ffffffffffff", programs: ["0.1.0-ffffffffffff"] }),
      actions: ["schedule-program:ls"],
      says: /0\.1\.0-ffffffffffff is there, and this is 0\.1\.0-0123456789ab/,
    },
    {
      name: "a link that leads to nothing",
      onLs: known({ ...setUpOn(ls), programs: [] }),
      actions: ["schedule-program:ls"],
    },
    {
      name: "a comment of the desired state has changed",
      onLs: withFile(`${FOLDER}/desired-state/devbackup.yaml`, file("version: 1\n")),
      actions: ["schedule:ls"],
      says: /desired-state\/devbackup\.yaml: it holds something else than it should by now/,
    },
    {
      name: "a file that is no part of the desired state any more",
      onLs: withFile(`${FOLDER}/desired-state/old.yaml`, file("x")),
      actions: ["schedule:ls"],
      says: /old\.yaml is no part/,
    },
    {
      name: "others can read what is root's",
      onLs: withFile(`${FOLDER}/standpoint.json`, file(renderStandpoint(standpointOn(ls)), "644")),
      actions: ["schedule:ls"],
    },
    {
      name: "somebody has stopped the timer",
      onLs: known({ ...setUpOn(ls), timer: "enabled inactive" }),
      actions: ["schedule:ls"],
      says: /devbackup\.timer is enabled inactive/,
    },
    {
      name: "a secret has changed",
      onLs: known({ ...setUpOn(ls), secrets: new Map([["notify-0", "other"]]) }),
      actions: ["schedule:ls"],
      says: /notify-0 has changed/,
    },
    {
      name: "a secret that is needed no more",
      onLs: known({ ...setUpOn(ls), secrets: new Map([...setUpOn(ls).secrets, ["notify-1", DIGEST]]) }),
      actions: ["schedule:ls"],
      says: /notify-1 is needed no more/,
    },
    {
      name: "its key was made anew",
      onLs: known({ ...setUpOn(ls), publicKey: "ssh-ed25519 AAAAother" }),
      actions: ["schedule-login:ws"],
    },
    {
      name: "somebody took the line away",
      onWs: known(lettingIn(ls, "")),
      actions: ["schedule-login:ws"],
    },
    {
      name: "the other machine has a new host key",
      onWs: known({ ...lettingIn(ls), hostKeys: ["ssh-ed25519 AAAAnew"] }),
      actions: ["schedule:ls"],
      says: /known_hosts: it holds something else/,
    },
    {
      name: "the program does not run",
      asked: { broken: { ...WHOLE, programExit: 139 } },
      actions: ["schedule-program:ls"],
      says: /^what is there does not run: it ends with exit code 139$/,
    },
    {
      name: "a later one does not run: an earlier one that does takes its place",
      onLs: known({ ...setUpOn(ls), current: "9.9.9-ffffffffffff", programs: ["9.9.9-ffffffffffff"] }),
      asked: { broken: { ...WHOLE, programExit: 139 } },
      actions: ["schedule-program:ls"],
    },
    {
      name: "a secret can't be decrypted",
      asked: { broken: { ...WHOLE, secrets: new Set(["notify-0"]) } },
      actions: ["schedule:ls"],
      says: /^notify-0 can't be decrypted there;/,
    },
    {
      name: "others can read its key",
      asked: { broken: { ...WHOLE, key: "644 0" } },
      actions: ["schedule-key:ls"],
      says: /^OpenSSH refuses it: its mode and owner are 644 0, not 600 0$/,
    },
    {
      name: "its key is damaged: another is made, and let in",
      asked: { broken: { ...WHOLE, key: "damaged" } },
      actions: ["schedule-key:ls", "schedule-login:ws"],
      says: /^what is there is damaged$/,
    },
    {
      name: "it moves",
      wanted: wantedOn(ws),
      actions: [
        "schedule-program:ws",
        "schedule-key:ws",
        "schedule-login:ls",
        "schedule:ws",
        "unschedule:ws",
        "unschedule:ls",
      ],
      says: /the schedule is declared for ws/,
    },
    {
      name: "it is declared no more",
      wanted: null,
      actions: ["unschedule:ws", "unschedule:ls"],
      says: /no schedule is declared/,
    },
    {
      name: "none is declared, and none is there",
      wanted: null,
      onWs: known(BARE),
      onLs: known(BARE),
      actions: [],
    },
    {
      name: "what was begun and never stood goes, too",
      wanted: null,
      onWs: known(BARE),
      onLs: known({ ...BARE, current: NAME, programs: [NAME] }),
      actions: ["unschedule:ls"],
    },
    {
      name: "another desired state's is left alone",
      wanted: null,
      onWs: lettingInFor(BOBS),
      onLs: known(ofBob(ls)),
      actions: [],
    },
    {
      name: "it was set up for a dataset that is declared no more",
      onWs: lettingInFor(WITH_WWW),
      onLs: WITH_WWW_ON_LS,
      actions: ["schedule-login:ws", "schedule:ls"],
    },
    {
      name: "what can't be looked at is not removed",
      wanted: null,
      onWs: unknown("cut off"),
      onLs: unknown("cut off"),
      actions: [],
    },
  ];
  for (const { name, actions, says, ...given } of rows)
    test(name, () => {
      const plan = planWith(given);
      assert.deepEqual(plan.problems, []);
      assert.deepEqual(plan.actions.map(({ id }) => id).sort(), [...actions].sort());
      if (says !== undefined)
        assert.ok(
          plan.actions.some(({ reason }) => says.test(reason)),
          JSON.stringify(plan.actions, null, 1),
        );
    });

  test("where both hosts are one machine, what stands there for the one is not removed as the other's", () => {
    const standpoint = { ...standpointOn(ls), reach: new Map() };
    const files = new Map([
      ...setUpOn(ls).files,
      [`${FOLDER}/standpoint.json`, file(renderStandpoint(standpoint))],
      [`${FOLDER}/known_hosts`, file("")],
    ] as const);
    const there = known({ ...setUpOn(ls), standpoint, files });
    const idsOf = (wanted: WantedSchedule | null) => {
      const { desired, observed, request } = seenWith({ wanted, onWs: there, onLs: there });
      const connection = { kind: "local" } as const;
      const hosts = new Map([...desired.hosts].map(([name, host]) => [name, { ...host, connection }]));
      return planFrom({ ...desired, hosts }, observed, request).actions.map(({ id }) => id);
    };
    assert.deepEqual(idsOf({ ...wantedOn(ls), standpoint }), []);
    assert.deepEqual(idsOf(null), ["unschedule:ws"]);
  });

  test("what was installed from a machine of its kind stays, and what is older is told of", () => {
    for (const [version, warned] of [
      ["0.1.0", []],
      ["0.0.9", ["schedule-program-kept"]],
    ] as const) {
      const name = `${version}-ffffffffffff`;
      const plan = planWith({
        onLs: known({ ...setUpOn(ls), machine: "aarch64", current: name, programs: [name] }),
      });
      assert.deepEqual([plan.problems, plan.actions], [[], []]);
      assert.deepEqual(
        plan.warnings.map(({ code }) => code),
        warned,
      );
    }
  });

  test("an earlier devbackup takes no later one's place", () => {
    const program = { name: "0.9.0-0123456789ab", machine: "x86_64", system: "Linux" };
    for (const [version, warned, actions] of [
      ["0.9.1", ["schedule-program-kept"], []],
      ["0.10.0", ["schedule-program-kept"], []],
      ["1.0.0-rc.1", ["schedule-program-kept"], []],
      ["0.9.0-rc.1", [], ["schedule-program:ls"]],
      ["0.8.10", [], ["schedule-program:ls"]],
    ] as const) {
      const name = `${version}-ffffffffffff`;
      const plan = planWith({
        wanted: { ...wantedOn(ls), program },
        onLs: known({ ...setUpOn(ls), current: name, programs: [name] }),
      });
      assert.deepEqual(
        [plan.warnings.map(({ code }) => code), plan.actions.map(({ id }) => id)],
        [warned, actions],
        version,
      );
    }
    const gone = planWith({ onLs: known({ ...setUpOn(ls), current: "0.2.0-ffffffffffff", programs: [] }) });
    assert.deepEqual(
      gone.actions.map(({ id }) => id),
      ["schedule-program:ls"],
    );
  });

  test("what is not this desired state's for certain is left where it stands, and told of", () => {
    const rows: readonly (readonly [Given, readonly string[]])[] = [
      [{ onLs: WITH_WWW_ON_LS }, ["ls"]],
      [{ onWs: lettingInFor(WITH_WWW), onLs: WITH_WWW_ON_LS }, ["ws", "ls"]],
      [{ onLs: known({ ...setUpOn(ls), standpoint: "unreadable" }) }, ["ls"]],
      [{ onWs: lettingInFor(BOBS), onLs: known(ofBob(ls)) }, []],
    ];
    for (const [given, warned] of rows) {
      const plan = planWith({ wanted: null, onWs: known(BARE), ...given });
      assert.deepEqual([plan.problems, plan.actions], [[], []]);
      assert.deepEqual(
        plan.warnings.map(({ code, host }) => `${code} ${host}`),
        warned.map((host) => `schedule-kept ${host}`),
      );
    }
  });

  test("the timer is started last, and the old schedule goes when the new one stands", () => {
    const ids = planWith({ wanted: wantedOn(ws) }).actions.map(({ id }) => id as string);
    assert.deepEqual(ids.slice(3), ["schedule:ws", ...ids.slice(4)]);
    assert.deepEqual(new Set(ids.slice(4)), new Set(["unschedule:ws", "unschedule:ls"]));
  });
});

describe("what stands in the way of a schedule, and nothing of it is planned", () => {
  const there = (facts: Partial<ScheduleFacts>) => known({ ...BARE, ...facts });
  const rows: readonly (Given & { readonly name: string; readonly code: string; readonly next: RegExp })[] = [
    {
      name: "a calendar that systemd refuses",
      asked: { calendar: { kind: "refused", why: "Failed to parse" } },
      code: "schedule-calendar",
      next: /systemd\.time\(7\)/,
    },
    {
      name: "a calendar that has passed",
      asked: { calendar: { kind: "taken", next: null } },
      code: "schedule-calendar",
      next: /a time ahead/,
    },
    {
      name: "an older systemd",
      asked: { systemd: 249 },
      code: "schedule-systemd",
      next: /250 or newer/,
    },
    { name: "no systemd", asked: { systemd: null }, code: "schedule-systemd", next: /cron/ },
    {
      name: "another kind of processor",
      onLs: there({ machine: "aarch64" }),
      code: "schedule-other-machine",
      next: /apply from a machine of its kind, ls itself/,
    },
    {
      name: "a program that was not built",
      wanted: { ...wantedOn(ls), program: null },
      onLs: there({}),
      code: "schedule-unbuilt",
      next: /npm run build/,
    },
    {
      name: "a unit of somebody's own",
      onLs: there({ foreign: ["/etc/systemd/system/devbackup.timer"] }),
      code: "schedule-not-ours",
      next: /systemctl disable --now devbackup\.timer/,
    },
    {
      name: "the schedule of another desired state",
      onLs: known(ofBob(ls)),
      code: "schedule-of-another",
      next: /one desired state.*rm \/etc\/devbackup\/schedule\/standpoint\.json/,
    },
    {
      name: "a schedule that can't be read",
      onLs: known({ ...setUpOn(ls), standpoint: "unreadable" }),
      code: "schedule-of-another",
      next: /the devbackup that set it up; or.*rm \/etc\/devbackup\/schedule\/standpoint\.json/,
    },
    {
      name: "another desired state's host of that name, which is let in",
      onWs: lettingInFor(BOBS),
      code: "schedule-of-another",
      next: /call ls by another name.*rm \/etc\/devbackup\/schedule-logins\/ls/,
    },
    {
      name: "one that is let in, and nobody knows whose it is",
      onWs: lettingInFor([]),
      code: "schedule-of-another",
      next: /another name/,
    },
    {
      name: "a secret that can't be read here, and is not there either",
      wanted: {
        ...wantedOn(ls),
        secrets: new Map([["notify-0", { kind: "unreadable", why: "not set", next: "set HC" }]]),
      },
      onLs: there({}),
      code: "schedule-secret",
      next: /set HC/,
    },
    {
      name: "a host whose keys nobody knows",
      onWs: known({ ...BARE, hostKeys: [] }),
      code: "schedule-host-key",
      next: /ssh_host_/,
    },
    {
      name: "a host that could not be looked at",
      onLs: unknown("cut off"),
      code: "unknown-state",
      next: /again/,
    },
  ];
  for (const { name, code, next, ...given } of rows)
    test(name, () => {
      const plan = planWith(given);
      assert.deepEqual(
        plan.problems.map((found) => found.code),
        [code],
      );
      assert.match(plan.problems[0]?.next ?? "", next);
      assert.deepEqual(
        plan.actions.filter(({ kind }) => kind.startsWith("schedule")),
        [],
      );
    });

  test("what is broken, and not to be mended from here, is told of, and keeps nobody from applying", () => {
    const secrets = new Map([
      ["notify-0", { kind: "unreadable", why: "not set", next: "set HC" }],
    ]) as WantedSchedule["secrets"];
    const program = { ...WHOLE, programExit: 126 };
    for (const [given, says] of [
      [{ onLs: known({ ...setUpOn(ls), machine: "aarch64" }), asked: { broken: program } }, /ls itself/],
      [{ wanted: { ...wantedOn(ls), program: null }, asked: { broken: program } }, /that was built/],
      [
        {
          wanted: { ...wantedOn(ls), secrets },
          asked: { broken: { ...WHOLE, secrets: new Set(["notify-0"]) } },
        },
        /not set; set HC/,
      ],
    ] as const) {
      const { problems, actions, warnings } = planWith(given);
      assert.deepEqual([problems, actions, warnings.map(({ code }) => code)], [[], [], ["schedule-broken"]]);
      assert.match(warnings[0]?.text ?? "", says);
      const { doubts, verdict } = statusWith(given);
      assert.deepEqual([doubts.map(({ code }) => code), verdict], [["schedule-broken"], "in-doubt"]);
    }
  });

  test("a secret that can't be read here stays what it is where it stands", () => {
    const secrets = new Map([
      ["notify-0", { kind: "unreadable", why: "not set", next: "" }],
    ]) as WantedSchedule["secrets"];
    const plan = planWith({ wanted: { ...wantedOn(ls), secrets } });
    assert.deepEqual([plan.problems, plan.actions], [[], []]);
  });
});
