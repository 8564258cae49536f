import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { absent, known } from "../../src/domain/fact.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import type { RestoreRequest } from "../../src/reconcilers/request.ts";
import { history, label } from "../domain/history.ts";
import { facts, source, store, THREE } from "./rows.ts";
import { NOT_ASKED, recovered, SERVER_WIPED, WORKSTATION_WIPED } from "./wiped.ts";
import {
  type Case,
  filesOf,
  folder,
  HOME,
  planOf,
  received,
  SIGNER,
  SRV,
  subvolume,
  taken,
} from "./world.ts";

const LATEST: RestoreRequest = { label: "latest", to: null };
const at = (text: string): RestoreRequest => ({ label: label(text), to: null });
const beside = (text: string, paths: string[] = []): RestoreRequest => ({
  label: label(text),
  to: { host: "ws" as HostName, folder: "/home/dev/old" as AbsolutePath, paths },
});

const known3 = known(recovered(THREE));

const SERVER_BACK = [
  "layout:ls/dev",
  "key:dev",
  "sign-key:dev",
  "manifest:dev",
  ...["2026-01", "2026-02", "2026-03"].flatMap((one) => [`fetch:dev@${one}`, `hydrate:dev@${one}`]),
  "working-copy:dev@2026-03",
];
const WORKSTATION_BACK = ["layout:ws/dev", "recipient:dev", "receive:dev@2026-03", "worktree:dev@2026-03"];

interface Row extends Partial<Case> {
  readonly name: string;
  readonly actions?: readonly string[];
  readonly problems?: readonly string[];
  readonly hazards?: Readonly<Record<string, string>>;
  readonly says?: Readonly<Record<string, RegExp>>;
  readonly notes?: RegExp;
  readonly exitCode?: 6;
}

const rows: readonly Row[] = [
  {
    name: "nothing is lost: nothing is done",
    restore: LATEST,
    notes: /not lost: it has gone on from 2026-03/,
  },
  {
    name: "the workstation is wiped: the newest label comes back from the server, without an identity",
    restore: LATEST,
    change: WORKSTATION_WIPED,
    actions: WORKSTATION_BACK,
    says: { "receive:dev@2026-03": /ws does not have it/, "worktree:dev@2026-03": /it is not there/ },
    notes: /dev@2026-03 was registered on \d{4}-\d\d-\d\d at \d\d:\d\d UTC.*3 hydrated already/s,
  },
  {
    name: "the server is wiped: keys, manifest, the chain, the working copy; the workstation is left alone",
    restore: LATEST,
    change: SERVER_WIPED,
    recovered: known3,
    actions: ["trust-signer:dev/SHA256:abc", ...SERVER_BACK],
    hazards: { "trust-signer:dev/SHA256:abc": "disruptive" },
    says: { "manifest:dev": /ls has lost it; the bucket's has 3 rows, the newest 2026-03/ },
    notes: /3 from the bucket \(120 B\)/,
  },
  {
    name: "a signer that is declared needs no trust by hand",
    restore: LATEST,
    change: SERVER_WIPED,
    recovered: known3,
    signer: SIGNER,
    actions: SERVER_BACK,
  },
  {
    name: "both are wiped",
    restore: LATEST,
    change: { ...SERVER_WIPED, ...WORKSTATION_WIPED },
    recovered: known3,
    signer: SIGNER,
    actions: [...SERVER_BACK, ...WORKSTATION_BACK],
  },
  {
    name: "the server is wiped, and no identity is given",
    restore: LATEST,
    change: SERVER_WIPED,
    problems: ["identity-needed"],
    exitCode: 6,
  },
  {
    name: "neither server nor bucket has a manifest",
    restore: LATEST,
    change: SERVER_WIPED,
    recovered: known({ ...recovered(THREE), manifest: null }),
    problems: ["manifest-lost"],
    exitCode: 6,
  },
  {
    name: "only the artifacts of the chain are fetched; what is older waits, and the plan says so",
    rows: `${THREE}, 2026-04 full 100, 2026-05 incr 10`,
    restore: LATEST,
    signer: SIGNER,
    change: SERVER_WIPED,
    recovered: known(recovered(`${THREE}, 2026-04 full 100, 2026-05 incr 10`)),
    actions: [
      ...["layout:ls/dev", "key:dev", "sign-key:dev", "manifest:dev"],
      ...["2026-04", "2026-05"].flatMap((one) => [`fetch:dev@${one}`, `hydrate:dev@${one}`]),
      "working-copy:dev@2026-05",
    ],
    notes: /3 further artifacts \(120 B\) stay in the bucket for now/,
  },
  {
    name: "a past label by name: the dataset is set aside, and only when that is approved; the newest stays as parent",
    restore: at("2026-02"),
    actions: ["worktree:dev@2026-02"],
    hazards: { "worktree:dev@2026-02": "destructive" },
  },
  {
    name: "a past label onto a wiped workstation: the newest comes too, as the parent of the next increment",
    restore: at("2026-02"),
    change: WORKSTATION_WIPED,
    actions: [
      "layout:ws/dev",
      "recipient:dev",
      "receive:dev@2026-02",
      "receive:dev@2026-03",
      "worktree:dev@2026-02",
    ],
    says: { "receive:dev@2026-03": /next increment needs it/ },
  },
  {
    name: "brought back, and nothing written since: it stands",
    restore: at("2026-03"),
    change: { source: known({ ...source, parentUuid: "ws-2026-03", written: false }) },
  },
  {
    name: "brought back, and written to since: replaced only when approved",
    restore: at("2026-03"),
    change: { source: known({ ...source, parentUuid: "ws-2026-03", written: true }) },
    actions: ["worktree:dev@2026-03"],
    hazards: { "worktree:dev@2026-03": "destructive" },
    says: { "worktree:dev@2026-03": /something was written there since/ },
  },
  {
    name: "another subvolume in its place is set aside only when approved, also by latest",
    restore: LATEST,
    change: { source: known({ ...source, uuid: "another" }) },
    actions: ["worktree:dev@2026-03"],
    hazards: { "worktree:dev@2026-03": "destructive" },
  },
  {
    name: "a receive on the workstation that was cut off is begun again",
    restore: LATEST,
    change: {
      ...WORKSTATION_WIPED,
      snapshots: folder(HOME, [["dev@2026-03", subvolume("half", { readOnly: false, receiving: true })]]),
    },
    actions: WORKSTATION_BACK,
    says: { "receive:dev@2026-03": /cut off/ },
  },
  {
    name: "what nobody was receiving is not touched",
    restore: LATEST,
    change: {
      ...WORKSTATION_WIPED,
      snapshots: folder(HOME, [["dev@2026-03", subvolume("half", { readOnly: false })]]),
    },
    problems: ["label-taken"],
  },
  {
    name: "an artifact that is damaged on the server is fetched again",
    restore: LATEST,
    change: {
      hydrated: received("2026-01"),
      store: known({
        ...store,
        files: new Map([...store.files].map(([path, size], n) => [path, n === 1 ? 3 : size])),
      }),
    },
    actions: ["fetch:dev@2026-02", "hydrate:dev@2026-02", "hydrate:dev@2026-03"],
    says: { "fetch:dev@2026-02": /the file on ls is damaged/ },
  },
  {
    name: "a hole in the chain: what it costs, and exit code 6",
    restore: LATEST,
    change: {
      hydrated: received("2026-01"),
      store: known({ ...store, files: filesOf(history(THREE).slice(0, 1)) }),
    },
    bucket: known({ objects: new Map(), unfinished: known([]) }),
    problems: ["chain-hole", "chain-hole"],
    exitCode: 6,
  },
  {
    name: "no such label",
    restore: at("2025-12"),
    problems: ["no-such-label"],
  },
  {
    name: "not enough room on the server",
    restore: LATEST,
    signer: SIGNER,
    recovered: known3,
    change: {
      ...SERVER_WIPED,
      serverLayout: known({ place: { ...SRV, freeBytes: 1000 }, present: new Map() }),
    },
    problems: ["no-space"],
  },
  {
    name: "cut off, it is not refused for want of the room that its own remains take",
    restore: LATEST,
    signer: SIGNER,
    recovered: known3,
    change: {
      ...SERVER_WIPED,
      serverLayout: known({ place: { ...SRV, freeBytes: 64 * 1024 ** 2 + 120 }, present: new Map() }),
      hydrated: folder(SRV, [["dev@2026-01", subvolume("half", { readOnly: false, receiving: true })]]),
      store: known({
        ...store,
        files: new Map(),
        fetched: new Map([["dev@2026-01.full.send.zst.age", 100]]),
      }),
    },
    actions: SERVER_BACK,
  },
  {
    name: "received to the end, but not for sure on the disk: received again",
    restore: LATEST,
    change: {
      hydrated: folder(SRV, [
        ["dev@2026-02", subvolume("ls-2026-02", { receivedUuid: "ws-2026-02" })],
        ["dev@2026-03", subvolume("ls-2026-03", { receivedUuid: "ws-2026-03", receiving: true })],
      ]),
    },
    actions: ["hydrate:dev@2026-03"],
    hazards: { "hydrate:dev@2026-03": "none" },
  },
  {
    name: "a manifest whose write was cut off before its last step is made good",
    restore: LATEST,
    change: { stateEnv: absent },
    actions: ["manifest:dev"],
  },
  {
    name: "beside what is there: only what the label needs, and nothing of the dataset is touched",
    restore: beside("2026-02"),
    change: { target: known({ kind: "absent", inode: "-", place: HOME, leftBeside: false }) },
    actions: ["extract:dev@2026-02"],
  },
  {
    name: "beside what is there, on a machine that was wiped: nothing of the dataset is set up there",
    restore: beside("2026-02"),
    change: {
      ...WORKSTATION_WIPED,
      target: known({ kind: "absent", inode: "-", place: HOME, leftBeside: false }),
    },
    actions: ["extract:dev@2026-02"],
  },
  {
    name: "the server alone, while the workstation is still lost",
    restore: LATEST,
    host: "ls",
    signer: SIGNER,
    change: { ...SERVER_WIPED, ...NOT_ASKED },
    recovered: known3,
    actions: SERVER_BACK,
  },
  {
    name: "beside what is there: not over what is there",
    restore: beside("2026-02"),
    change: { target: known({ kind: "other", inode: "1:2", place: HOME, leftBeside: false }) },
    problems: ["target-exists"],
  },
  {
    name: "a damaged signature on the server is refused",
    restore: LATEST,
    change: {
      manifest: known({
        ...(facts.manifest.kind === "known" ? facts.manifest.value : assert.fail()),
        signature: "wrong",
      }),
    },
    problems: ["manifest-not-authentic"],
    exitCode: 6,
  },
];

describe("the plan of a restore", () => {
  for (const {
    name,
    actions = [],
    problems = [],
    hazards = {},
    says = {},
    notes,
    exitCode,
    ...given
  } of rows)
    test(name, () => {
      const plan = planOf({ rows: THREE, target: "2026-04", ...given });
      assert.equal(plan.mode, "restore");
      assert.deepEqual(
        plan.problems.map(({ code }) => code),
        problems,
        plan.problems.map(({ text }) => text).join("\n"),
      );
      if (exitCode !== undefined) assert.ok(plan.problems.some((problem) => problem.exitCode === exitCode));
      if (notes !== undefined) assert.match(plan.notes.join("\n"), notes);
      if (problems.length > 0) return;
      assert.deepEqual(plan.actions.map(({ id }) => id).sort(), [...actions].sort());
      const byId = new Map(plan.actions.map((action) => [action.id as string, action]));
      for (const [id, pattern] of Object.entries(says)) assert.match(byId.get(id)?.reason ?? "", pattern, id);
      for (const action of plan.actions) assert.equal(action.hazard, hazards[action.id] ?? "none", action.id);
    });
});

describe("what has to come before what", () => {
  test("nothing is received before its artifact is there, its manifest, the key", () => {
    const plan = planOf({
      rows: THREE,
      target: "2026-04",
      restore: LATEST,
      signer: SIGNER,
      recovered: known3,
      change: { ...SERVER_WIPED, ...WORKSTATION_WIPED },
    });
    const place = new Map(plan.actions.map(({ id }, index) => [id as string, index]));
    const before = (first: string, second: string) =>
      assert.ok((place.get(first) ?? 99) < (place.get(second) ?? -1), `${first} before ${second}`);
    before("key:dev", "hydrate:dev@2026-01");
    before("sign-key:dev", "manifest:dev");
    before("manifest:dev", "fetch:dev@2026-01");
    before("fetch:dev@2026-03", "hydrate:dev@2026-03");
    before("hydrate:dev@2026-03", "receive:dev@2026-03");
    before("receive:dev@2026-03", "worktree:dev@2026-03");
    before("hydrate:dev@2026-03", "working-copy:dev@2026-03");
  });

  test("a backup fetches what the server has lost: what the next increment rests on first", () => {
    const plan = planOf({
      rows: `${THREE}, 2026-04 full 100, 2026-05 incr 10`,
      target: "2026-06",
      change: { store: absent, hydrated: received("2026-04"), snapshots: taken("2026-05") },
    });
    const stages = plan.actions
      .filter(({ kind }) => kind === "fetch")
      .map(({ id, stage }) => `${id} ${stage}`);
    assert.deepEqual(stages.sort(), [
      "fetch:dev@2026-01 cloud",
      "fetch:dev@2026-02 cloud",
      "fetch:dev@2026-03 cloud",
      "fetch:dev@2026-04 cloud",
      "fetch:dev@2026-05 artifact",
    ]);
  });
});
