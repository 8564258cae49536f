import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { explain, type Written } from "../../src/explain/explain.ts";
import type { Explanation } from "../../src/explain/explanation.ts";
import { KINDS } from "../../src/explain/kinds.ts";
import { notInPlan } from "../../src/explain/missing.ts";
import { record } from "../../src/explain/recorder.ts";
import { RECONCILERS, restorers } from "../../src/reconcilers/all.ts";
import { planFrom, viewOf } from "../../src/reconcilers/diff-all.ts";
import type { Reconciler } from "../../src/reconcilers/reconciler.ts";
import type { RestoreRequest } from "../../src/reconcilers/request.ts";
import { explainJson } from "../../src/report/explain-json.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { pipe } from "../../src/transport/pipe.ts";
import { label } from "../domain/history.ts";
import { facts, objects, source, store, THREE, without } from "../reconcilers/rows.ts";
import { BARE, DIGEST, lettingInFor, ls, seenWith, setUpOn } from "../reconcilers/schedule-world.ts";
import { recovered, SERVER_WIPED, WORKSTATION_WIPED } from "../reconcilers/wiped.ts";
import {
  type Case,
  folder,
  HOME,
  lookAt,
  received,
  remembered,
  SRV,
  subvolume,
} from "../reconcilers/world.ts";

const LATEST: RestoreRequest = { label: "latest", to: null };
const look = (given: Partial<Case>) => lookAt({ rows: THREE, target: "2026-03", ...given });
const unfinished = known([]);

/** Worlds in whose plans every kind of action has its turn. */
const WORLDS = {
  "a new month": look({ target: "2026-04" }),
  "fresh machines": look({
    rows: "",
    target: "2026-01",
    tools: new Set(["btrfs", "flock"]),
    change: {
      ...WORKSTATION_WIPED,
      ...SERVER_WIPED,
      escrow: absent,
      pushedEscrow: absent,
      pushedSignature: absent,
    },
    bucket: known({ objects: new Map(), unfinished }),
    memory: remembered({ escrowSha256: null }),
  }),
  "new disks in machines that have their tools": look({
    rows: "",
    target: "2026-01",
    change: { ...WORKSTATION_WIPED, ...SERVER_WIPED, escrow: noEscrow(), pushedEscrow: absent },
    bucket: known({ objects: new Map(), unfinished }),
    memory: remembered({ escrowSha256: null }),
  }),
  "copies of the escrow are missing": look({
    memory: remembered({ escrowSha256: null }),
    bucket: known({ objects: without("dev/keys/escrow.age"), unfinished }),
  }),
  "strangers' things": look({
    change: { store: known({ ...store, files: new Map([...store.files, ["artifacts/incr/x", 1]]) }) },
    bucket: known({
      objects,
      unfinished: known([{ key: "dev/artifacts/x", uploadId: "u1", initiated: undefined }]),
    }),
  }),
  "a manifest that is not signed": look({ change: { manifest: unsigned() } }),
  "a damaged snapshot": look({
    change: {
      hydrated: folder(
        SRV,
        ["2026-01", "2026-02", "2026-03"].map((at) => [
          `dev@${at}`,
          subvolume(`ls-${at}`, {
            receivedUuid: `ws-${at}`,
            ...(at === "2026-03" && { damaged: true as const }),
          }),
        ]),
      ),
    },
  }),
  "something to let go": look({ retention: { workstationSnapshots: { kind: "last", count: 1 } } }),
  "a drill and a share to verify": declaring({
    drill: { every: { count: 3, unit: "month" } },
    verify: { share: 0.5 },
  }),
  "a server that was lost": look({
    restore: LATEST,
    change: { ...SERVER_WIPED, ...WORKSTATION_WIPED },
    recovered: known(recovered(THREE)),
  }),
  "a label beside what is there": look({
    restore: {
      label: label("2026-02"),
      to: { host: "ws" as HostName, folder: "/home/dev/old" as AbsolutePath, paths: ["src"] },
    },
    change: { target: known({ kind: "absent", inode: "-", place: HOME, leftBeside: false }) },
  }),
  "a lost workstation": look({
    restore: LATEST,
    change: { ...WORKSTATION_WIPED, hydrated: received("2026-03") },
  }),
  "a plain directory": look({
    change: { source: known({ ...source, kind: "directory" }) },
    target: "2026-04",
  }),
  "a schedule that is not there yet": seenWith({ onWs: known(BARE), onLs: known(BARE) }),
  "a schedule that is let in nowhere": seenWith({ onWs: known(BARE) }),
  "a schedule that is no longer declared": seenWith({
    wanted: null,
    onWs: lettingInFor(["dev:/srv/dev"]),
    onLs: known(setUpOn(ls)),
  }),
  "a login to restrict": restricted(),
  "scripts that are not there yet": withoutScripts(),
};

function unsigned() {
  const { manifest } = facts;
  return manifest.kind === "known"
    ? known({ ...manifest.value, signature: "wrong" as const })
    : assert.fail();
}

function noEscrow() {
  const { escrow } = facts;
  return escrow.kind === "known"
    ? known({ ...escrow.value, sha256: null, madeAt: null, noted: null })
    : assert.fail();
}

function declaring(declared: Partial<ReturnType<typeof look>["desired"]>) {
  const { desired, ...rest } = look({});
  return { desired: { ...desired, ...declared }, ...rest };
}

function withoutScripts() {
  const { desired, observed, request } = declaring({ scripts: true });
  const scripts = new Map([[ls, known({ files: new Map<string, string>(), ours: new Map() })]]);
  return { desired, request, observed: { ...observed, scripts } };
}

function restricted() {
  const { desired, observed, request } = look({});
  const file = { path: "/usr/local/lib/devbackup/login/allowed" as AbsolutePath, mode: "644", content: "x" };
  const wanted = { login: "devbackup", level: "full" as const, files: [file] };
  const there = known({ files: new Map<string, string>(), login: null });
  return { desired, request, observed: { ...observed, restrictions: new Map([[ls, { wanted, there }]]) } };
}

/** What is at the heart of each kind's scripts, or of what is done besides. */
const HEART: Readonly<Record<string, RegExp>> = {
  packages: /apt-get .* install zstd age openssl/,
  restrict: /useradd/,
  "schedule-program": /tar /,
  "schedule-key": /ssh-keygen/,
  "schedule-login": /authorized_keys/,
  schedule: /systemctl/,
  unschedule: /systemctl/,
  scripts: /mv -T -- "\$f\.new" "\$f"/,
  layout: /chmod 700/,
  subvolume: /btrfs -q subvolume create/,
  key: /age-keygen/,
  "sign-key": /ssh-keygen/,
  escrow: /age /,
  "escrow-copy": /escrow\.age/,
  "set-aside": /mv -T/,
  snapshot: /btrfs -q subvolume snapshot -r \/proc\/self\/fd\/3 \.\/dev@2026-04/,
  artifact:
    /btrfs -q send -p \/home\/dev\/snapshots\/dev@2026-03 \/home\/dev\/snapshots\/dev@2026-04 .*zstd .*age -R/s,
  sign: /rm -f -- "\$m\.new"\n.*sign "\$m"/,
  register: /sign "\$m\.new"; mv -T -- "\$m\.new" "\$m"/,
  fingerprint: /dev@2026-04\.zst/,
  fetch: /get .* out of the bucket.*curl/s,
  "set-aside-snapshot": /dev@2026-03/,
  hydrate: /SHA256.*btrfs .*receive/s,
  "working-copy": /copy_here "\$from" "\$new"/,
  drill: /\/srv\/dev/,
  verify: /./,
  "abort-upload": /give up the unfinished upload of dev\/artifacts\/x/,
  upload: /send it to dev\/artifacts\/.*dev@2026-04.* in the bucket.*curl .*x-amz-meta-sha256: SHA256/s,
  "upload-manifest": /age -R .*send it to dev\/manifests\/snapshots_v2\.tsv\.age/s,
  "upload-escrow": /send it to dev\/keys\/escrow\.age/,
  retention: /btrfs .*subvolume delete/,
  "trust-signer": /remember .* ssh-ed25519/,
  extract: /tar .*enter \/home\/dev; .*mv -T -n/s,
  receive: /btrfs -q send .*btrfs .*receive/s,
  worktree: /copy_here|subvolume snapshot/,
};

/** They tell of something, and have nothing to carry out. */
const TELL_ALONE = ["hooks", "outlook", "bucket-lock"];

const written: Written = {
  positionOf: (path) =>
    path[0] === "drill"
      ? undefined
      : { file: "desired-state/devbackup.yaml", line: 10 + path.length, col: 3 },
  lineAt: ({ line }) => `    what stands in line ${line}`,
};

const byKind = new Map<string, Explanation[]>();
for (const asked of Object.values(WORLDS))
  for (const action of planFrom(asked.desired, asked.observed, asked.request).actions) {
    const explanation = await explain(action, asked, written);
    byKind.set(action.kind, [...(byKind.get(action.kind) ?? []), explanation]);
  }
const explained = (kind: string): readonly Explanation[] =>
  byKind.get(kind) ?? assert.fail(`no world above plans ${kind}: add one, so that its explanation is tried`);

const ALL_KINDS = [
  ...new Set([...RECONCILERS, ...restorers(true), ...restorers(false)].map(({ kind }) => kind)),
];

test("every kind of action has its words, and no other", () =>
  assert.deepEqual(Object.keys(KINDS).sort(), ALL_KINDS.toSorted()));

/** Where a view has what is no fact of one dataset. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  systems: "tools",
  restrictions: "restriction",
  schedule: "schedule",
  scripts: "scripts",
  cloud: "bucket",
  memory: "memory",
  recovered: "recovered",
};

/** `object`, whose properties are told as they are read. */
const spied = <Of extends object>(object: Of, told: (name: string) => void): Of =>
  new Proxy(object, {
    get: (of, name) => {
      told(String(name));
      return Reflect.get(of, name);
    },
  });

/** Every fact that the diff of `kind` reads in any of the worlds; where it goes by the course, what that goes by, too. */
function readBy(kind: string): ReadonlySet<string> {
  const read = new Set<string>();
  for (const { desired, observed, request } of Object.values(WORLDS)) {
    const all = request.restore === null ? RECONCILERS : restorers(request.restore.to !== null);
    const reconciler = all.find((each) => each.kind === kind);
    if (reconciler === undefined) continue;
    for (const spec of desired.datasets) {
      let reading = new Set<string>();
      const datasets = new Map(
        [...observed.datasets].map(([name, of]) => [name, spied(of, (fact) => reading.add(fact))] as const),
      );
      const found = viewOf(desired, spec, { ...observed, datasets }, request);
      if (found.kind !== "view") continue;
      const forCourse = reading;
      reading = read;
      reconciler.diff(
        spied(found.view, (name) => {
          for (const fact of name === "course" ? forCourse : [ELSEWHERE[name] ?? []].flat()) read.add(fact);
        }),
      );
    }
  }
  return read;
}

test("what a kind is said to follow from is what its diff reads", () => {
  const unread = Object.entries(KINDS).flatMap(([kind, { follows }]) => {
    const read = readBy(kind);
    return follows.filter((name) => !read.has(name)).map((name) => `${kind} does not read ${name}`);
  });
  assert.deepEqual(unread, []);
});

const verboseText = (one: Explanation): string =>
  explainText(one, { color: false, width: 100, verbose: true });

for (const kind of ALL_KINDS.filter((each) => !TELL_ALONE.includes(each)))
  describe(`${kind} explains itself`, () => {
    test("what asked for it, what was found, and why that calls for it", () => {
      for (const one of explained(kind)) {
        assert.ok(one.asked.length > 0 && one.found.length > 0, one.action.id);
        const text = verboseText(one).replaceAll(/\s+/g, " ");
        for (const words of [one.does, one.action.reason, ...one.found.flatMap(({ what, is }) => [what, is])])
          assert.ok(text.includes(words.replaceAll(/\s+/g, " ")), `${words} is not in ${text}`);
      }
    });
    test("what apply would run, and where", () => {
      const heart = HEART[kind] ?? assert.fail(`what is at the heart of ${kind}?`);
      assert.ok(
        explained(kind).some((one) => heart.test(verboseText(one).split("\napply would\n")[1] ?? "")),
      );
    });
    test("without a stand-in that passes for something", () => {
      for (const one of explained(kind))
        assert.doesNotMatch(
          JSON.stringify(explainJson(one)),
          /(?:7e){32}|7770000000000|"input"/,
          one.action.id,
        );
    });
  });

describe("what only the run will tell", () => {
  test("is not known before the artifact is made, and is named so in the scripts that need it", () => {
    const [hydrate] = explained("hydrate").filter(({ action }) => action.label === "2026-04");
    const text = verboseText(hydrate ?? assert.fail());
    assert.match(text, /SHA256.*: what only the run will tell, or what is not shown\./);
    assert.doesNotMatch(text, /\b[0-9a-f]{64}\b/);
  });
});

test("a digest of a secret is not shown", () => {
  const [schedule = assert.fail()] = explained("schedule");
  const text = verboseText(schedule);
  assert.match(text, /printf '%s\\n' SHA256 >"\$f\.digest\.new"/);
  assert.ok(!text.includes(DIGEST));
});

describe("the recorder", () => {
  const action = byKind.get("snapshot")?.[0]?.action ?? assert.fail();
  const recorded = (run: Reconciler["run"]) =>
    record({ kind: "snapshot", diff: () => ({}), run }, action, { cloud: null, now: new Date(0) });

  test("tells that a script gets something on stdin, and never what", async () => {
    const { steps, whole } = await recorded(async (_, tools) => {
      await tools.host(ls).run("cat >key", { stdin: "AGE-SECRET-KEY-1" });
      return null;
    });
    assert.deepEqual(steps, [{ kind: "script", host: "ls", script: "cat >key", fed: true }]);
    assert.ok(whole);
  });

  test("starts no pipe, from a real host neither", async () => {
    const marker = `/tmp/explained-${process.pid}`;
    const from = localHost({ name: "here" as HostName, become: "none", env: process.env });
    const { steps } = await recorded(async (_, tools) => {
      await pipe({ from, source: `touch ${marker}`, to: tools.host(ls), sink: "cat" });
      return null;
    });
    await from.close();
    assert.deepEqual(steps, [
      { kind: "pipe", from: "here", source: `touch ${marker}`, to: "ls", sink: "cat" },
    ]);
    assert.ok(!existsSync(marker));
  });

  test("what goes on by an answer that nobody gave is open", async () => {
    const { steps, whole } = await recorded(async (_, tools) => {
      const { stdout } = await tools.host(ls).run("uname");
      if (stdout !== "Linux\n") throw new Error("unexpected");
      return null;
    });
    assert.deepEqual([steps.length, whole], [1, false]);
  });
});

describe("an explanation for a person", () => {
  const artifact = explained("artifact")[0] ?? assert.fail();
  test("from the line to the command", () => {
    const text = explainText(artifact, { color: false, width: 100, verbose: false });
    const parts = ["Asked for", "Found", "Difference", "apply would"].map((part) =>
      text.indexOf(`\n${part}\n`),
    );
    assert.ok(
      parts.every((at, index) => at > (parts[index - 1] ?? 0)),
      text,
    );
    assert.match(text, /desired-state\/devbackup\.yaml:13 {2}what stands in line 13/);
    assert.match(text, /increment: increments since 2026-01 are 20 B, the anchor is 100 B/);
    assert.match(text, /from ws:\n[\s\S]*in one pipe to ls:/);
  });
  test("what nobody wrote is said to be left out, and a flag is told", () => {
    assert.match(verboseText(explained("drill")[0] ?? assert.fail()), /left out +drill\.every/);
    assert.match(verboseText(explained("receive")[0] ?? assert.fail()), /as typed +--restore latest/);
  });
  test("helper functions are folded away, and come with --verbose", () => {
    const [snapshot = assert.fail()] = explained("snapshot");
    const short = explainText(snapshot, { color: false, width: 100, verbose: false });
    assert.match(short, /… \d+ functions\n/);
    assert.ok(short.split("\n").length < 40, short);
    assert.match(verboseText(snapshot), /^ {2}│ enter_own\(\) \{/m);
  });
});

test("what two datasets have in common is told once", async () => {
  const { desired, observed, request } = look({ tools: new Set(["btrfs", "flock"]) });
  const [dev = assert.fail()] = desired.datasets;
  const notes = { ...dev, name: "notes" as typeof dev.name };
  const two = {
    desired: { ...desired, datasets: [dev, notes] },
    observed: {
      ...observed,
      datasets: new Map([dev, notes].map(({ name }) => [name, facts] as const)),
      buckets: new Map([dev, notes].map(({ name }) => [name, known({ objects, unfinished })] as const)),
    },
    request: {
      ...request,
      labels: new Map([dev, notes].map(({ name }) => [name, label("2026-03")] as const)),
    },
  };
  const plan = planFrom(two.desired, two.observed, two.request);
  const packages = plan.actions.find(({ id }) => id === "packages:ls") ?? assert.fail();
  const { found } = await explain(packages, two, written);
  assert.deepEqual(
    found.map(({ what }) => what),
    ["tools on ls"],
  );
});

describe("an id that is not in the plan", () => {
  const { desired, observed, request } = WORLDS["a new month"];
  const plan = planFrom(desired, observed, request);
  for (const [id, why] of [
    ["snapshto:dev@2026-04", /The nearest: snapshot:dev@2026-04$/],
    [
      "artifact:dev@2019-01",
      /^Such an action sends one label .*no need of it.* The nearest: artifact:dev@2026-04$/,
    ],
    ["recipient:dev", /^Such an action makes, publishes or puts back the age identity/],
    ["nonsense", /In the plan: snapshot:dev@2026-04, artifact:dev@2026-04, .*upload-manifest:dev$/],
  ] as const)
    test(id, () => {
      const { what = "", why: said = "", next } = notInPlan(id, plan, "devbackup plan --config x").trouble;
      assert.ok(what.includes(id));
      assert.match(said, why);
      assert.equal(next, "devbackup plan --config x");
    });
  test("where a problem stands, that may be why", () => {
    const broken = look({ target: "2026-04", change: { manifest: unknown("the probe was cut off") } });
    const { why = "" } = notInPlan(
      "upload:dev@2026-04",
      planFrom(broken.desired, broken.observed, broken.request),
      "devbackup plan",
    ).trouble;
    assert.match(why, /because of what is in the way: .*the probe was cut off/);
  });
});
