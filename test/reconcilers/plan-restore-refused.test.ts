import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import type { AbsolutePath, AgeRecipient, DatasetName, HostName, Signer } from "../../src/domain/names.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { RestoreRequest } from "../../src/reconcilers/request.ts";
import { history, label } from "../domain/history.ts";
import { facts, source, store, THREE } from "./rows.ts";
import { recovered, SERVER_WIPED, WORKSTATION_WIPED } from "./wiped.ts";
import {
  type Case,
  filesOf,
  folder,
  HOME,
  lookAt,
  M1,
  planOf,
  received,
  remembered,
  SIGNER,
  SRV,
  subvolume,
} from "./world.ts";

const LATEST: RestoreRequest = { label: "latest", to: null };
const at = (text: string): RestoreRequest => ({ label: label(text), to: null });
const beside = (folder: string): RestoreRequest => ({
  label: label("2026-02"),
  to: { host: "ws" as HostName, folder: folder as AbsolutePath, paths: [] },
});
const BESIDE = beside("/home/dev/old");
const ANOTHER = `age1${"p".repeat(58)}` as AgeRecipient;
const STRANGER = SIGNER.replace("IA", "IB") as Signer;
const manifest = facts.manifest.kind === "known" ? facts.manifest.value : assert.fail();
const seen = (text: string) =>
  remembered({
    signer: SIGNER,
    newest: { label: label(text), ts: "2026-04-01T00:00:00Z", manifestSha256: M1 },
  });
const EMPTY_BUCKET = known({ objects: new Map(), unfinished: known([]) });

/** What stands in the way, and what the user reads about it. */
interface Row extends Partial<Case> {
  readonly name: string;
  readonly code: string;
  /** Left out: 1. */
  readonly exitCode?: 6;
  readonly text: RegExp;
  readonly next: RegExp;
}

const rows: readonly Row[] = [
  {
    name: "no such label: those that there are, since a wiped server could not list them",
    restore: at("2025-12"),
    change: SERVER_WIPED,
    recovered: known(recovered(THREE)),
    code: "no-such-label",
    text: /no label 2025-12; it has 2026-01, 2026-02, 2026-03$/,
    next: /one of those, or latest/,
  },
  {
    name: "no such label among very many: the newest",
    restore: at("2025-12"),
    rows: Array.from(
      { length: 20 },
      (_, n) => `20${26 + Math.floor(n / 12)}-${String((n % 12) + 1).padStart(2, "0")} full 1`,
    ).join(", "),
    code: "no-such-label",
    text: /its newest 12 of 20 are 2026-09, .*, 2027-08$/,
    next: /one of those/,
  },
  {
    name: "no manifest, and no cloud that could have one: no identity would help",
    restore: LATEST,
    cloud: false,
    change: SERVER_WIPED,
    code: "manifest-lost",
    exitCode: 6,
    text: /no cloud is declared/,
    next: /devbackup manifest rebuild --dataset dev$/,
  },
  {
    name: "a manifest that can't be read",
    restore: LATEST,
    change: { manifest: known({ ...manifest, reading: { kind: "damaged", line: 3, why: "no tab" } }) },
    code: "manifest-unreadable",
    exitCode: 6,
    text: /cannot be read/,
    next: /devbackup manifest rebuild --dataset dev/,
  },
  {
    name: "an escrow that names another signer than the sign key that the server still has",
    restore: LATEST,
    change: { key: known({ rights: null, derived: null, published: null }) },
    recovered: known({ ...recovered(THREE), signer: STRANGER }),
    code: "signer-changed",
    exitCode: 6,
    text: /names the signer SHA256:abc, and ls has the sign key of SHA256:\S+: the escrow may be forged/,
    next: /encryption\.signers\.dev/,
  },
  {
    name: "a server that signs with another key than the one that was seen",
    restore: LATEST,
    memory: remembered({ signer: STRANGER }),
    code: "signer-changed",
    exitCode: 6,
    text: /signed there by SHA256:\S+, and not by SHA256:/,
    next: /move \/srv\/dev\/keys\/ls_dev_sign\.key .* away, and devbackup apply --restore latest --identity FILE/,
  },
  {
    name: "a manifest on the server that is older than one that was seen",
    restore: LATEST,
    memory: seen("2026-04"),
    code: "manifest-rolled-back",
    exitCode: 6,
    text: /ends at 2026-03, and this machine has seen it with dev@2026-04/,
    next: /move \/srv\/dev\/manifests\/snapshots_v2\.tsv away there, and devbackup apply --restore latest/,
  },
  {
    name: "a memory that can't be read: what it knew is not passed over",
    restore: LATEST,
    change: SERVER_WIPED,
    recovered: known(recovered(THREE)),
    memory: unknown("seen.json is damaged"),
    code: "memory-unreadable",
    text: /seen\.json is damaged/,
    next: /move it away/,
  },
  {
    name: "a bucket that can't be reached, and artifacts that it may have",
    restore: LATEST,
    change: { hydrated: absent, store: absent },
    bucket: unknown("no way there"),
    code: "unknown-state",
    text: /the bucket could not be looked at: no way there/,
    next: /run the same command again; nothing has been changed/,
  },
  {
    name: "an artifact that the bucket alone has, in an archive: not lost, and not to be had now",
    restore: LATEST,
    change: { hydrated: absent, store: absent },
    bucket: known({
      objects: new Map(
        history(THREE).map(({ objectKey, sizeBytes, label: at }) => {
          const object = { key: objectKey ?? "", sizeBytes, etag: "e", lastModified: new Date(0) };
          return [object.key, at === "2026-02" ? { ...object, archive: "GLACIER" } : object];
        }),
      ),
      unfinished: known([]),
    }),
    code: "object-archived",
    text: /dev@2026-03 can't be made now: \S+2026-02\S+ is missing on the server and archived in the bucket/,
    next: /^have the store bring dev\/artifacts\/incr\/dev@2026-02\S+ back \(aws s3api restore-object\)/,
  },
  {
    name: "an artifact in the middle of the chain that is nowhere: what it costs, and which label stands without it",
    restore: LATEST,
    change: {
      ...SERVER_WIPED,
      manifest: facts.manifest,
      signKey: facts.signKey,
      key: facts.key,
      store: known({ ...store, files: filesOf(history(THREE).slice(0, 1)) }),
    },
    bucket: known({
      objects: new Map(
        history(THREE)
          .filter(({ label: one }) => one === "2026-03")
          .map((row) => [
            row.objectKey ?? "",
            { key: row.objectKey ?? "", sizeBytes: row.sizeBytes, etag: "e", lastModified: new Date(0) },
          ]),
      ),
      unfinished: known([]),
    }),
    code: "chain-hole",
    exitCode: 6,
    text: /dev@2026-03 can't be made: \S+2026-02\S+ is missing on the server and missing in the bucket\. It costs 2 labels: 2026-02, 2026-03$/,
    next: /as dev\/artifacts\/incr\/dev@2026-02\S+ in the bucket or with devbackup manifest import DIR; or restore 2026-01, the newest label that can be made: devbackup plan --restore 2026-01$/,
  },
  {
    name: "no artifact anywhere: then no other label is named",
    restore: LATEST,
    change: SERVER_WIPED,
    recovered: known(recovered("2026-01 full 100")),
    signer: SIGNER,
    bucket: EMPTY_BUCKET,
    code: "chain-hole",
    exitCode: 6,
    text: /It costs 1 label: 2026-01/,
    next: /^put it back from another copy, as dev\/artifacts\/anchors\/dev@2026-01\.full\.send\.zst\.age in the bucket$/,
  },
  {
    name: "hydrated snapshots that could not be looked at",
    restore: LATEST,
    change: { hydrated: unknown("btrfs failed") },
    code: "unknown-state",
    text: /btrfs failed/,
    next: /run the same command again/,
  },
  {
    name: "a file or a link at the dataset's path",
    restore: LATEST,
    change: { ...WORKSTATION_WIPED, source: known({ ...source, kind: "other", uuid: null }) },
    code: "not-a-folder",
    text: /\/home\/dev\/code is there and is no folder/,
    next: /move it to another name; where it is a link/,
  },
  {
    name: "a dataset's path that is not on Btrfs",
    restore: LATEST,
    change: {
      ...WORKSTATION_WIPED,
      source: known({ ...source, kind: "absent", uuid: null, place: { ...HOME, fsType: "ext4" } }),
    },
    code: "not-on-btrfs",
    text: /lies on ext4/,
    next: /--to PATH/,
  },
  {
    name: "a dataset's path where something is mounted",
    restore: LATEST,
    change: { source: known({ ...source, uuid: "another", mountPoint: true }) },
    code: "mount-point",
    text: /\/home\/dev\/code is a mount point/,
    next: /unmount it, or bring the label beside it: --to PATH/,
  },
  {
    name: "a dataset's path that could not be looked at",
    restore: LATEST,
    change: { source: unknown("its disk is gone") },
    code: "unknown-state",
    text: /its disk is gone/,
    next: /run the same command again/,
  },
  {
    name: "another snapshot under the name of the label's on the workstation",
    restore: LATEST,
    change: {
      ...WORKSTATION_WIPED,
      snapshots: folder(HOME, [["dev@2026-03", subvolume("strange")]]),
    },
    code: "label-taken",
    text: /dev@2026-03 is there and is another snapshot than the server's/,
    next: /move it to another name/,
  },
  {
    name: "a target that could not be looked at",
    restore: BESIDE,
    change: { target: unknown("no such device") },
    code: "unknown-state",
    text: /no such device/,
    next: /run the same command again/,
  },
  {
    name: "a target that is a file, a link or a folder that holds something",
    restore: BESIDE,
    change: { target: known({ kind: "other", inode: "1:2", place: HOME, leftBeside: false }) },
    code: "target-exists",
    text: /\/home\/dev\/old is there, and is no empty folder/,
    next: /does not exist yet, or is empty/,
  },
  {
    name: "a server that has got another age identity since: the escrow would be made anew for it, over the one that opens the artifacts",
    restore: LATEST,
    signer: SIGNER,
    recovered: known(recovered(THREE)),
    change: {
      manifest: absent,
      key: known({ rights: "400 0", derived: ANOTHER, published: ANOTHER }),
    },
    code: "key-changed",
    exitCode: 6,
    text: /the age identity on ls is that of age1p+, and the escrow of the bucket holds/,
    next: /move \/srv\/dev\/keys\/ls_dev_backup\.key and the \.pub beside it away/,
  },
  {
    name: "a target among the snapshots",
    restore: beside("/home/dev/snapshots/old"),
    change: { target: known({ kind: "absent", inode: "-", place: HOME, leftBeside: false }) },
    code: "target-ours",
    text: /\/home\/dev\/snapshots\/old lies in \/home\/dev\/snapshots/,
    next: /elsewhere/,
  },
  {
    name: "too little room on the server, with what is needed and what there is",
    restore: LATEST,
    signer: SIGNER,
    recovered: known(recovered(THREE)),
    change: {
      ...SERVER_WIPED,
      serverLayout: known({ place: { ...SRV, freeBytes: 1024 }, present: new Map() }),
    },
    code: "no-space",
    text: /1 KiB free at \/srv\/dev; needed: at least 240 B \(120 B to fetch/,
    next: /free some space there, .*; nothing has been changed/,
  },
];

describe("a restore that is refused says what, why, and what to type", () => {
  for (const { name, code, exitCode, text, next, ...given } of rows)
    test(name, () => {
      const { problems } = planOf({ rows: THREE, target: "2026-04", ...given });
      const found = problems.find((problem) => problem.code === code && text.test(problem.text));
      assert.ok(found, problems.map((problem) => `${problem.code}: ${problem.text}`).join("\n"));
      assert.match(found.next, next);
      assert.equal(found.exitCode, exitCode);
    });
});

test("beside what is there, and inside the dataset: no subvolume, which its backups would leave out", () => {
  const target = known({ kind: "absent" as const, inode: "-", place: HOME, leftBeside: false });
  const way = (folder: string) => {
    const plan = planOf({ rows: THREE, target: "2026-04", restore: beside(folder), change: { target } });
    return plan.actions.map(({ input }) => (input as { way: string }).way);
  };
  assert.deepEqual(way("/home/dev/old"), ["stream"]);
  assert.deepEqual(way("/home/dev/code/old"), ["archive"]);
});

test("of one dataset alone: another one's places are as much in the way", () => {
  const target = known({ kind: "absent" as const, inode: "-", place: HOME, leftBeside: false });
  const plan = (folder: string) => {
    const given = { rows: THREE, target: "2026-04", restore: beside(folder), change: { target } };
    const { desired, observed, request } = lookAt(given);
    const [dev = assert.fail()] = desired.datasets;
    const photos = {
      ...dev,
      name: "photos" as DatasetName,
      path: "/home/dev/photos" as AbsolutePath,
      snapshots: "/home/dev/photos-snapshots" as AbsolutePath,
    };
    return planFrom({ ...desired, partOf: { ...desired, datasets: [dev, photos] } }, observed, request);
  };
  assert.deepEqual(
    plan("/home/dev/photos-snapshots/old").problems.map(({ code }) => code),
    ["target-ours"],
  );
  const [{ input } = assert.fail()] = plan("/home/dev/photos/old").actions;
  assert.equal((input as { way: string }).way, "archive");
});

describe("what a writer in the bucket is not given", () => {
  const asked: Case = { rows: THREE, target: "2026-04", restore: LATEST, recovered: known(recovered(THREE)) };

  test("anything at all, until a signer that nobody knows is trusted: every action waits for that", () => {
    const { actions } = planOf({ ...asked, change: { ...SERVER_WIPED, ...WORKSTATION_WIPED } });
    assert.ok(actions.length > 10);
    for (const { id, needs, hazard } of actions) {
      if (id === "trust-signer:dev/SHA256:abc") assert.equal(hazard, "disruptive");
      else assert.ok(needs.includes("trust-signer:dev/SHA256:abc" as typeof id), id);
    }
  });

  test("a question, where the server still has the sign key that the escrow names", () => {
    const { actions, problems } = planOf({
      ...asked,
      change: { key: known({ rights: null, derived: null, published: null }) },
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      actions.map(({ id }) => id),
      ["key:dev"],
    );
  });

  test("a way back in time: an older manifest does only for a label of it that is asked for by name", () => {
    const older = {
      ...asked,
      change: { ...SERVER_WIPED, hydrated: received("2026-01") },
      memory: seen("2026-04"),
    };
    assert.deepEqual(
      planOf(older).problems.map(({ code }) => code),
      ["manifest-rolled-back"],
    );
    const named = planOf({ ...older, restore: at("2026-03") });
    assert.deepEqual(named.problems, []);
    assert.ok(named.actions.some(({ id }) => id === "worktree:dev@2026-03" || id === "hydrate:dev@2026-03"));
  });
});
