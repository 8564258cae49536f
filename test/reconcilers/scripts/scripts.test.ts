import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { coveredBy } from "../../../src/desired-state/standpoint.ts";
import { type Fact, known, unknown } from "../../../src/domain/fact.ts";
import type { HostName } from "../../../src/domain/names.ts";
import { planFrom } from "../../../src/reconcilers/diff-all.ts";
import { OWN_FOLDER } from "../../../src/reconcilers/machine/own-folder.ts";
import type { Tools } from "../../../src/reconcilers/reconciler.ts";
import { scripts } from "../../../src/reconcilers/scripts/scripts.ts";
import { type ScriptsFacts, scriptsProbe } from "../../../src/reconcilers/scripts/scripts-facts.ts";
import { wantedScripts } from "../../../src/reconcilers/scripts/wanted.ts";
import { sha256Of } from "../../../src/transport/hash.ts";
import type { Host } from "../../../src/transport/host.ts";
import { lookAt } from "../world.ts";
import { declaring, ls, ws } from "./standing.ts";

const at = (name: string) => `${OWN_FOLDER}/${name}`;

/** As they stand once they are installed. */
function installed(host: HostName, of = coveredBy(declaring())): ScriptsFacts {
  const wanted = wantedScripts(declaring(), host);
  return {
    files: new Map(wanted.map(({ path, content }) => [path, `755 0 ${sha256Of(content)}`])),
    ours: new Map(wanted.map(({ path }) => [path, of])),
  };
}

const NOTHING: ScriptsFacts = { files: new Map(), ours: new Map() };

function planWith(given: {
  onLs?: Fact<ScriptsFacts>;
  onWs?: Fact<ScriptsFacts>;
  declared?: boolean;
  admin?: null;
  /** Of both hosts. */
  connection?: { readonly kind: "local" };
}) {
  const { desired, observed, request } = lookAt({
    rows: "2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10",
    target: "2026-03",
  });
  const { onLs = known(installed(ls)), onWs = known(installed(ws)), declared = true } = given;
  const seen = new Map([
    [ws, onWs],
    [ls, onLs],
  ]);
  const { connection } = given;
  const hosts = new Map(
    [...desired.hosts].map(([name, host]) => [name, { ...host, ...(connection && { connection }) }]),
  );
  const there = hosts.get(ls) ?? assert.fail();
  if (given.admin === null)
    hosts.set(ls, { ...there, restrict: { level: "full", login: "x", publicKey: "x", admin: null } });
  return planFrom({ ...desired, hosts, scripts: declared }, { ...observed, scripts: seen }, request);
}

const scriptsIn = (plan: ReturnType<typeof planWith>) =>
  plan.actions.filter(({ kind }) => kind === "scripts");

describe("scripts in the plan", () => {
  const changed = (path: string, is: string, base = installed(ls)) =>
    known({ ...base, files: new Map([...base.files, [path, is]]) });
  const rows: readonly (Parameters<typeof planWith>[0] & {
    readonly name: string;
    readonly actions: readonly string[];
    readonly says?: RegExp;
    readonly warns?: RegExp;
  })[] = [
    { name: "stand as they should", actions: [] },
    {
      name: "are not there yet",
      onLs: known(NOTHING),
      onWs: known(NOTHING),
      actions: ["scripts:ws", "scripts:ls"],
      says: /^they are declared, and not there yet$/,
    },
    {
      name: "one was changed by hand",
      onLs: changed(at("push_to_cloud.sh"), `755 0 ${sha256Of("x")}`),
      actions: ["scripts:ls"],
      says: /push_to_cloud\.sh: it holds something else/,
    },
    {
      name: "others can write to one",
      onLs: changed(
        at("push_to_cloud.sh"),
        (installed(ls).files.get(at("push_to_cloud.sh")) ?? "").replace("755", "777"),
      ),
      actions: ["scripts:ls"],
      says: /its mode is 777, not 755/,
    },
    {
      name: "are declared no more",
      declared: false,
      actions: ["scripts:ws", "scripts:ls"],
      says: /`scripts` is not declared/,
    },
    {
      name: "somebody's own has the name of one, and the others are not there yet",
      onLs: known({ files: new Map([[at("init_LS.sh"), `755 0 ${sha256Of("x")}`]]), ours: new Map() }),
      actions: ["scripts:ls"],
      says: /^they are declared, and not there yet$/,
      warns: /init_LS\.sh, which stays/,
    },
    { name: "were never declared", declared: false, onLs: known(NOTHING), onWs: known(NOTHING), actions: [] },
    {
      name: "are declared no more, and others' lie beside them",
      declared: false,
      onWs: known(NOTHING),
      onLs: known({ files: new Map([[at("mine.sh"), `755 0 ${sha256Of("x")}`]]), ours: new Map() }),
      actions: [],
    },
    {
      name: "of a dataset that is no part of the desired state any more",
      onLs: known({
        files: new Map([...installed(ls).files, [at("ls_www_latest_label.sh"), "755 0 x"]]),
        ours: new Map([
          ...installed(ls).ours,
          [at("ls_www_latest_label.sh"), [...coveredBy(declaring()), "www:/srv/www"]],
        ]),
      }),
      actions: ["scripts:ls"],
      says: /ls_www_latest_label\.sh is no part of the desired state any more/,
    },
    {
      name: "somebody's own has the name of one",
      onLs: known({ ...installed(ls), ours: new Map([...installed(ls).ours].slice(1)) }),
      actions: [],
      warns: /devbackup did not write \S+init_LS\.sh, which stays/,
    },
    {
      name: "another desired state's stand there",
      onLs: known(installed(ls, ["dev:/srv/bob/dev"])),
      actions: [],
      warns: /10 scripts there are another desired state's, of dev:\/srv\/bob\/dev.*: rm \S+init_LS\.sh /,
    },
    {
      name: "another desired state's stand there, and none are declared",
      declared: false,
      onLs: known(installed(ls, ["dev:/srv/bob/dev"])),
      onWs: known(NOTHING),
      actions: [],
    },
    {
      name: "could not be looked at",
      onLs: unknown("no answer"),
      actions: [],
      warns: /could not be looked at: no answer/,
    },
    {
      name: "a restricted login without an administrator's",
      onLs: known(NOTHING),
      admin: null,
      actions: [],
      warns: /apply once with an administrator's login/,
    },
  ];
  for (const { name, actions, says, warns, ...given } of rows)
    test(name, () => {
      const plan = planWith(given);
      assert.deepEqual(
        scriptsIn(plan).map(({ id }) => id),
        actions,
      );
      for (const { reason, dataset, hazard } of scriptsIn(plan)) {
        assert.deepEqual([dataset, hazard], [null, "none"]);
        if (says !== undefined) assert.match(reason, says);
      }
      assert.deepEqual(plan.problems, [], "no script holds up a backup");
      if (warns !== undefined) assert.match(plan.warnings.map(({ text }) => text).join("\n"), warns);
    });
});

test("where both hosts are one machine, it has the scripts of both, which are put there once", () => {
  const state = declaring();
  const connection = { kind: "local" } as const;
  const hosts = new Map([...state.hosts].map(([name, host]) => [name, { ...host, connection }]));
  const all = wantedScripts({ ...state, hosts }, ws);
  assert.deepEqual(wantedScripts({ ...state, hosts }, ls), all);
  assert.deepEqual(
    new Set(all.map(({ path }) => path)),
    new Set([...wantedScripts(state, ws), ...wantedScripts(state, ls)].map(({ path }) => path)),
  );
  assert.deepEqual(
    scriptsIn(planWith({ onWs: known(NOTHING), onLs: known(NOTHING), connection })).map(({ id }) => id),
    ["scripts:ws"],
  );
});

test("no path of this machine stands in a script, and the same is wanted from wherever it is asked", () => {
  for (const host of [ls, ws]) {
    const [here, part] = [declaring(), { ...declaring(), datasets: [], partOf: declaring() }];
    assert.deepEqual(wantedScripts(here, host), wantedScripts(part, host));
    for (const { content } of wantedScripts(here, host)) assert.ok(!content.includes(process.cwd()));
  }
});

/** The folder of what is devbackup's own, in another place. */
function folder(context: TestContext) {
  const top = mkdtempSync("/tmp/own-");
  context.after(() => rmSync(top, { recursive: true }));
  const own = join(top, "devbackup");
  const shell = (script: string, stdin = "") => {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script.replaceAll(OWN_FOLDER, own)], {
      input: stdin,
      encoding: "utf8",
    });
    return { exitCode: status ?? -1, stdout, stderr };
  };
  const host: Partial<Host> = {
    name: ls,
    run: async (script, { stdin = "" } = {}) => shell(script, String(stdin)),
  };
  const look = (): ScriptsFacts => {
    const { stdout } = shell(scriptsProbe(ls).script);
    const facts = scriptsProbe(ls).parse(stdout.replaceAll(own, OWN_FOLDER));
    return facts.kind === "known" ? facts.value : assert.fail();
  };
  const apply = async (declared: boolean, cut = 0): Promise<number> => {
    const actions = scriptsIn(planWith({ onLs: known(look()), declared })).filter(
      (action) => action.host === ls,
    );
    const cutting: Partial<Host> = {
      ...host,
      run: async (script, options = {}) =>
        shell(script, String(options.stdin ?? "").slice(0, -cut || undefined)),
    };
    for (const action of actions)
      await scripts.run(
        action as Parameters<typeof scripts.run>[0],
        { host: () => cutting as Host } as unknown as Tools,
      );
    return actions.length;
  };
  return { own, look, apply };
}

test("they are put there, mended, and taken away again; what is not ours stays", async (context) => {
  const { own, look, apply } = folder(context);
  assert.equal(await apply(true), 1);
  assert.deepEqual(look(), installed(ls));
  assert.equal(await apply(true), 0);
  for (const name of readdirSync(own)) assert.equal(statSync(join(own, name)).mode & 0o7777, 0o755);
  chmodSync(join(own, "LS_send.sh"), 0o777);
  writeFileSync(
    join(own, "push_to_cloud.sh"),
    "#!/bin/sh\n# Written by devbackup, which sees when it is changed.\n",
  );
  assert.equal(await apply(true), 1);
  assert.deepEqual(look(), installed(ls));
  writeFileSync(join(own, "mine.sh"), "#!/bin/sh\n");
  writeFileSync(
    join(own, "no script of ours.sh"),
    "#!/bin/sh\n# Written by devbackup, which sees when it is changed.\n",
  );
  symlinkSync("/etc/passwd", join(own, "link.sh"));
  mkdirSync(join(own, "1.0.0-0123456789ab"));
  assert.equal(await apply(false), 1);
  assert.deepEqual(readdirSync(own).sort(), [
    "1.0.0-0123456789ab",
    "link.sh",
    "mine.sh",
    "no script of ours.sh",
  ]);
  assert.equal(await apply(false), 0);
});

test("what did not arrive whole is not put there", async (context) => {
  const { own, apply, look } = folder(context);
  await assert.rejects(apply(true, 1), /could not be brought into line/);
  assert.deepEqual(look(), NOTHING);
  assert.deepEqual(readdirSync(own), []);
});
