import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { actionIn, download, expectExit, manifestOf, planned, type Row, sha256 } from "../lab/expect.ts";
import { type Lab, type Machine, startLab, whyNoLab } from "../lab/lab.ts";
import { changeTree, fingerprint, installTreeTools, plantTree } from "../lab/tree.ts";

const SOURCE = "/home/dev/code";
const REPOSITORY = "/srv/btrfs-backups/dev";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const WORKING_COPY = "/srv/work/dev";
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

describe("fresh machines, backed up from the first month on", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string[];
  before(async () => {
    lab = await startLab();
    await Promise.all([installTreeTools(lab, "ws"), installTreeTools(lab, "ls")]);
    config = ["--config", await lab.desiredState()];
  });
  after(() => lab?.stop());

  test("the tree's fingerprint tells any one difference", async () => {
    await lab.must(
      "ws",
      "mkdir -p /home/a/folder; cd /home/a; truncate -s 1M file; ln file linked; ln -s to symlink",
    );
    await lab.must("ws", "cd /home/a; mknod device c 1 3; touch -h -d @1 * .");
    const changes = [
      "chmod u+s file",
      "chown 1:0 folder",
      "chown -h 0:1 symlink",
      "touch -d @1.000000001 folder",
      "touch -h -d @2 symlink",
      "truncate -s 1048577 file; touch -d @1 file",
      "printf x | dd of=file bs=1 seek=9 conv=notrunc status=none; touch -d @1 file",
      "fallocate -l 4096 file; dd if=/dev/zero of=file bs=4k count=1 conv=notrunc status=none; touch -d @1 file",
      "setfattr -n user.a file",
      "setfattr -n trusted.a -h symlink",
      "setfacl -m u:7:r folder",
      "chmod g+s .",
      "rm linked; cp -p file linked",
      "mv linked other",
      "rm symlink; ln -s ta symlink; touch -h -d @1 symlink",
      "rm device; mknod device c 1 5; touch -d @1 device",
      "rm device; mkfifo device; touch -d @1 device",
    ];
    const sums = await lab.must(
      "ws",
      `cd /home; sum() { lab-tree fingerprint "$1" holes | cksum; }; sum a
       again() { rm -rf b; cp -a --reflink=always a b; }; again; sum b
       ${changes.map((change) => `again; (cd b; ${change}); sum b`).join("\n")}
       rm -r a b`,
    );
    const [untouched, copied, ...changed] = sums.trimEnd().split("\n");
    assert.equal(copied, untouched);
    assert.equal(changed.length, changes.length);
    for (const [index, change] of changes.entries()) assert.notEqual(changed[index], untouched, change);
  });

  test("a plan changes nothing on either machine or in the bucket, and its exit code can tell of changes", async () => {
    const before = await everything(lab);
    const text = await expectExit(lab, 0, ["plan", ...config]);
    assert.match(text, /create the subvolume \/home\/dev\/code/);
    assert.ok(text.endsWith(`\nnext: devbackup apply ${config.join(" ")}\n`), text);
    await expectExit(lab, 2, ["plan", "--detailed-exitcode", ...config]);
    assert.match(
      await expectExit(lab, 0, ["explain", "subvolume:dev", ...config]),
      /\.yaml:\d+ +path: \/home\/dev\/code\n[\s\S]*│ btrfs -q subvolume create/,
    );
    assert.equal(await everything(lab), before);
    await lab.must("ls", "touch /etc/changed");
    assert.notEqual(await everything(lab), before, "the comparison notices a change");
    await lab.must("ls", "rm /etc/changed");
  });

  test("a plain directory is converted only when approved, and is the same afterwards", async () => {
    await plantTree(lab, ["ws", SOURCE]);
    const before = await fingerprint(lab, ["ws", SOURCE], "holes");
    const conversion = actionIn(await planned(lab, config), "subvolume:dev");
    assert.equal(conversion.hazard, "disruptive");
    await expectExit(lab, 0, ["apply", "--yes", "--approve", "all", "--label", "2026-01", ...config]);
    assert.equal(await fingerprint(lab, ["ws", SOURCE], "holes"), before);
    assert.equal(await fingerprint(lab, ["ws", `${SOURCE}.before-devbackup`], "holes"), before);
    assert.equal(await lab.must("ws", `stat -c %i ${SOURCE}`), "256\n", "it is a subvolume");
  });

  test("source, snapshot, hydrated snapshot and working copy are the same", () =>
    assertAllTheSame("2026-01", "holes"));

  test("nothing is left to do", () => assertNothingLeft(["--label", "2026-01", ...config]));

  test("the repository is as the contract lays it out", async () => {
    const expected = [
      "750 .",
      "440 artifacts/anchors/dev@2026-01.full.send.zst.age",
      "750 artifacts/incr",
      "640 manifests/snapshots_v2.tsv",
      "640 manifests/snapshots_v2.tsv.sig",
      "640 manifests/state.env",
      "400 keys/ls_dev_backup.key",
      "444 keys/ls_dev_backup.pub",
      "400 keys/ls_dev_sign.key",
      "444 keys/ls_dev_sign.pub",
      "700 keys",
      "750 restore/worktree_receive",
      "700 tmp",
      "750 logs",
      "750 locks",
    ];
    const paths = expected.map((line) => line.slice(4));
    const listing = await lab.must("ls", `cd ${REPOSITORY} && stat -c '%U:%G %a %n' ${paths.join(" ")}`);
    assert.deepEqual(
      listing.trimEnd().split("\n"),
      expected.map((line) => `root:root ${line}`),
    );
    assert.equal(await lab.must("ls", `ls -A ${REPOSITORY}/tmp`), "", "nothing is left over");
    const ownHands = `find ${REPOSITORY} -name 'dev@*' -type d -prune -o \\( ! -user root -o -perm /022 \\) -print`;
    assert.equal(await lab.must("ls", ownHands), "", "nobody but root can write anything there");
  });

  test("manifest and state.env say what is there", async () => {
    const file = "artifacts/anchors/dev@2026-01.full.send.zst.age";
    const [row, ...more] = await manifestOf(lab);
    assert.ok(row);
    assert.deepEqual(more, []);
    const [size, sum] = (
      await lab.must("ls", `cd ${REPOSITORY}; stat -c %s ${file}; sha256sum <${file} | cut -c1-64`)
    ).split("\n");
    const { ts, ...rest } = row;
    assert.match(ts, RFC_3339);
    assert.deepEqual(rest, {
      label: "2026-01",
      type: "full",
      parent: "-",
      bytes: Number(size),
      sha256: sum,
      localPath: file,
      objectKey: `dev/${file}`,
    });
    const state = await lab.must(
      "ls",
      `. ${REPOSITORY}/manifests/state.env; echo $LATEST_LABEL $ANCHOR_LABEL`,
    );
    assert.equal(state, "2026-01 2026-01\n");
  });

  test("the bucket holds the same bytes, and the manifest for the server's key alone", () => assertBucket());

  test("the journal says what was done", async () => {
    const lines = (await lab.must("ls", `cat ${REPOSITORY}/logs/apply-*.jsonl`)).trimEnd().split("\n");
    const entries = lines.map((line) => JSON.parse(line));
    assert.equal(entries[0].event, "apply-started");
    assert.equal(entries.at(-1).event, "apply-finished");
    assert.equal(entries.at(-1).result, "done");
    for (const { ts, who, dataset } of entries) {
      assert.match(ts, RFC_3339);
      assert.match(who, /^.+@.+$/);
      assert.equal(dataset, "dev");
    }
    const done = entries.filter(({ event, result }) => event === "action" && result === "done");
    for (const id of ["artifact:dev@2026-01", "hydrate:dev@2026-01", "upload-manifest:dev"])
      assert.ok(
        done.some((entry) => entry.id === id && entry.durationMs > 0),
        id,
      );
  });

  test("the next month is an increment on the one before, and all is the same again", async () => {
    await changeTree(lab, ["ws", SOURCE]);
    await expectExit(lab, 0, ["apply", "--yes", "--label", "2026-02", ...config]);
    const row = (await manifestOf(lab)).at(-1);
    assert.deepEqual([row?.label, row?.type, row?.parent], ["2026-02", "incr", "2026-01"]);
    await assertAllTheSame("2026-02");
    await assertBucket();
    await assertNothingLeft(["--label", "2026-02", ...config]);
    const ofJanuary = await fingerprint(lab, ["ws", "/home/dev/snapshots/dev@2026-01"]);
    assert.equal(await fingerprint(lab, ["ls", `${HYDRATED}/dev@2026-01`]), ofJanuary);
  });

  test("artifacts open by hand with age, zstd and btrfs receive alone", async () => {
    await lab.must(
      "ls",
      `mkdir /srv/by-hand; cd ${REPOSITORY}/artifacts; set -e
       for f in anchors/dev@2026-01.full.send.zst.age incr/dev@2026-02.incr.from_2026-01.send.zst.age; do
         age -d -i ${REPOSITORY}/keys/ls_dev_backup.key $f | zstd -d | btrfs -q receive /srv/by-hand
       done`,
    );
    for (const label of ["2026-01", "2026-02"])
      assert.equal(
        await fingerprint(lab, ["ls", `/srv/by-hand/dev@${label}`]),
        await fingerprint(lab, ["ws", `/home/dev/snapshots/dev@${label}`]),
        label,
      );
  });

  test("weekly and daily datasets of two workstations are kept by one server in one go", async () => {
    const laptop = { role: "workstation", connection: "ssh", address: lab.addresses.ws, user: "dev" };
    const dataset = (name: string, workstation: string, cadence: string) => ({
      path: `/home/dev/${name}`,
      snapshots: `/home/dev/snapshots-${name}`,
      owner: "dev",
      repository: `/srv/btrfs-backups/${name}`,
      working_copy: null,
      workstation,
      cadence,
    });
    const two = await lab.desiredState({
      hosts: { laptop: { ...laptop, identity_file: lab.identity, known_hosts: lab.knownHosts } },
      datasets: {
        dev: undefined,
        notes: dataset("notes", "ws", "weekly"),
        photos: dataset("photos", "laptop", "daily"),
      },
    });
    const plan = await planned(lab, ["--config", two]);
    assert.deepEqual(plan.problems, []);
    await expectExit(lab, 0, ["apply", "--yes", "--config", two]);
    await assertNothingLeft(["--config", two]);
    assert.match((await manifestOf(lab, "notes"))[0]?.label ?? "", /^\d{4}-W\d\d$/);
    assert.match((await manifestOf(lab, "photos"))[0]?.label ?? "", /^\d{4}-\d\d-\d\d$/);
    assert.equal(
      await lab.must("ws", "stat -c '%i %U' /home/dev/notes /home/dev/photos"),
      "256 dev\n256 dev\n",
    );
    const hosts = new Map(
      plan.actions.filter(({ kind }) => kind === "snapshot").map((a) => [a.dataset, a.host]),
    );
    assert.deepEqual([hosts.get("notes"), hosts.get("photos")], ["ws", "laptop"]);
    const keys = (await lab.bucket.list()).map(({ key }) => key.split("/")[0]);
    assert.deepEqual(new Set(keys), new Set(["dev", "notes", "photos"]));
  });

  test("twelve more labels: anchors stand where the contract's rule puts them, and nowhere else", async () => {
    const rule = { max_age_months: 4, max_incremental_ratio: 0.5 };
    const rules = await lab.desiredState({
      datasets: {
        dev: undefined,
        rules: {
          path: "/home/dev/rules",
          snapshots: "/home/dev/snapshots-rules",
          owner: "dev",
          repository: "/srv/btrfs-backups/rules",
          working_copy: null,
          anchor: rule,
          retention: { workstation_snapshots: "all", server_snapshots: "all" },
        },
      },
      cloud: undefined,
    });
    const labels = months("2026-01", 13);
    const said = new Map<string, string>();
    for (const label of labels) {
      const args = ["--label", label, "--config", rules];
      // 300 KiB at first, next to nothing more until May, then 200 KiB a month
      const sizeKiB = label === "2026-01" ? 300 : label < "2026-06" ? 1 : 200;
      await lab.must(
        "ws",
        `mkdir -p /home/dev/rules; head -c ${sizeKiB}K /dev/urandom >/home/dev/rules/${label}`,
      );
      // a month in which the apply was cut off early is made up for by the next one
      const only = label === "2026-11" ? ["--only", "snapshot"] : [];
      said.set(label, await expectExit(lab, 0, ["apply", "--yes", "--approve", "all", ...args, ...only]));
      if (only.length === 0) await assertNothingLeft(args);
    }
    const rows = await manifestOf(lab, "rules");
    assert.deepEqual(
      rows.map(({ label }) => label),
      labels,
    );
    const anchors = rows.filter(({ type }) => type === "full").map(({ label }) => label);
    assert.deepEqual(anchors, anchorsByRule(rows, rule), JSON.stringify(rows));
    assert.deepEqual(anchors, ["2026-01", "2026-05", "2026-07", "2026-10"]);
    assert.match(said.get("2026-05") ?? "", /anchor: the last anchor, 2026-01, is 4 months old/);
    assert.match(
      said.get("2026-07") ?? "",
      /anchor: increments since 2026-05 are 2\d\d KiB, the anchor is 30\d KiB/,
    );
    assert.match(said.get("2026-12") ?? "", /increment on 2026-11, or anchor if/);
    for (const [index, { type, parent }] of rows.entries())
      if (type === "incr") assert.equal(parent, rows[index - 1]?.label, "on the month before");
  });

  async function assertAllTheSame(label: string, holes?: "holes"): Promise<void> {
    const [source, ...copies] = await Promise.all([
      fingerprint(lab, ["ws", SOURCE], holes),
      fingerprint(lab, ["ws", `/home/dev/snapshots/dev@${label}`], holes),
      fingerprint(lab, ["ls", `${HYDRATED}/dev@${label}`], holes),
      fingerprint(lab, ["ls", WORKING_COPY], holes),
    ]);
    for (const copy of copies) assert.equal(copy, source);
  }

  async function assertNothingLeft(args: readonly string[]): Promise<void> {
    assert.match(await expectExit(lab, 0, ["plan", "--detailed-exitcode", ...args]), /Nothing to do/);
  }

  async function assertBucket(): Promise<void> {
    const rows = await manifestOf(lab);
    const sizes = new Map((await lab.bucket.list("dev/")).map(({ key, sizeBytes }) => [key, sizeBytes]));
    for (const row of rows) {
      assert.equal(sizes.get(row.objectKey), row.bytes);
      assert.equal(sha256(await download(lab, row.objectKey)), row.sha256);
    }
    const manifest = "dev/manifests/snapshots_v2.tsv.age";
    const signature = "dev/manifests/snapshots_v2.tsv.sig";
    assert.deepEqual(
      [...sizes.keys()].sort(),
      [...rows.map(({ objectKey }) => objectKey), manifest, signature].sort(),
    );
    const encrypted = Buffer.from(await download(lab, manifest)).toString("base64");
    assert.equal(
      await lab.must("ls", `base64 -d | age -d -i ${REPOSITORY}/keys/ls_dev_backup.key`, {
        input: encrypted,
      }),
      await lab.must("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`),
    );
  }
});

/** All that stands on both machines but their logs, and in the bucket. */
async function everything(lab: Lab): Promise<string> {
  const listing = (machine: Machine) =>
    lab.must(
      machine,
      `find / /home /srv -xdev \\( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log \\) -prune -o \
         -printf '%p %y %m %U:%G %T@ %l\\n' | sort -u`,
    );
  const [ws, ls, objects] = await Promise.all([listing("ws"), listing("ls"), lab.bucket.list()]);
  return [ws, ls, JSON.stringify(objects)].join("\n");
}

interface Rule {
  readonly max_age_months: number;
  /** Sum of the increments / size of the last anchor. */
  readonly max_incremental_ratio: number;
}

/** The contract's rule, worked out from the sizes alone. */
function anchorsByRule(rows: readonly Row[], rule: Rule): string[] {
  const anchors: string[] = [];
  let [anchor, increments]: [Row | undefined, number] = [undefined, 0];
  for (const row of rows) {
    const age = anchor === undefined ? 0 : monthNumber(row.label) - monthNumber(anchor.label);
    const ratio = anchor === undefined ? 0 : increments / anchor.bytes;
    if (anchor === undefined || age >= rule.max_age_months || ratio >= rule.max_incremental_ratio) {
      anchors.push(row.label);
      [anchor, increments] = [row, 0];
    } else increments += row.bytes;
  }
  return anchors;
}

const monthNumber = (label: string): number => Number(label.slice(0, 4)) * 12 + Number(label.slice(5));

function months(first: string, count: number): string[] {
  const start = monthNumber(first) - 1;
  return Array.from(
    { length: count },
    (_, index) =>
      `${Math.floor((start + index) / 12)}-${String(((start + index) % 12) + 1).padStart(2, "0")}`,
  );
}
