import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { LabelStatus, Status } from "../../src/status/status.ts";
import { expectExit, manifestOf } from "../lab/expect.ts";
import { assertUnchanged } from "../lab/footprint.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { startDevbackup } from "../lab/started.ts";

const REPOSITORY = "/srv/btrfs-backups/dev";
const MANIFEST = `${REPOSITORY}/manifests/snapshots_v2.tsv`;
const WHOLE = { workstation: "whole", artifact: "whole", manifest: "whole", server: "whole", cloud: "whole" };
const DUE = { workstation: "due", artifact: "due", manifest: "due", server: "due", cloud: "due" };

describe("status", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string[];
  before(async () => {
    lab = await startLab({ store: "swift" });
    config = ["--config", await lab.desiredState()];
    await lab.must("ws", "btrfs -q subvolume create code; head -c 5M /dev/urandom >code/photo.raw", {
      user: "dev",
    });
  });
  after(() => lab?.stop());

  const look = async (): Promise<Status> =>
    JSON.parse(await expectExit(lab, 0, ["status", "--json", ...config])) as Status;
  const check = (exitCode: number) => expectExit(lab, exitCode, ["status", "--check", ...config]);
  const apply = (...args: string[]) => expectExit(lab, 0, ["apply", "--yes", ...args, ...config]);
  const newest = ({ datasets }: Status): LabelStatus => {
    const entry = datasets[0]?.history.at(-1);
    return entry?.kind === "label" ? entry : assert.fail(JSON.stringify(datasets[0]?.history));
  };

  test("fresh machines: nothing yet, everything due, and nothing is touched", async () => {
    const status = await assertUnchanged(lab, look);
    assert.equal(status.verdict, "overdue", status.because.join("\n"));
    assert.deepEqual(newest(status).places, DUE);
    assert.equal(await check(1), "overdue: no backup is registered\n");
    const text = await expectExit(lab, 0, ["status", ...config]);
    assert.match(text, /^! dev: overdue .*\n {2}no backup is registered\n/);
  });

  test("after the first apply all is well, and the journal tells of it", async () => {
    await apply();
    const status = await assertUnchanged(lab, look);
    assert.equal(status.verdict, "well", status.because.join("\n"));
    assert.deepEqual(newest(status).places, WHOLE);
    const [dataset = assert.fail()] = status.datasets;
    assert.deepEqual(dataset.due, []);
    const [run] = dataset.applies ?? [];
    assert.equal(run?.result, "done");
    assert.equal(run.done, run.planned);
    assert.equal(dataset.inBucket?.objects, (await lab.bucket.list()).length);
    assert.match(await check(0), /^well: dev stands at \d{4}-\d{2}\n$/);
  });

  test("the report is a page of the same look: nothing is touched, and no key to the bucket is in it", async () => {
    const file = join(lab.dir, "report.html");
    const report = (out: string) => expectExit(lab, 0, ["report", "--out", out, ...config]);
    const said = await assertUnchanged(lab, () => report(file));
    assert.equal(said, `${await check(0)}Wrote ${file}\n`);
    const page = await readFile(file, "utf8");
    assert.match(page, /<h1>Backups of dev<\/h1>[\s\S]*<h2>All is well<\/h2>/);
    for (const secret of [lab.bucket.accessKeyId, lab.bucket.secretAccessKey])
      assert.ok(!page.includes(secret), secret);
    assert.match(await report("-"), /^<!doctype html>\n[\s\S]*<\/html>\n$/);
  });

  test("a workstation that is away is unknown, and the server's side is known", async () => {
    const hasty = join(lab.dir, "hasty");
    await writeFile(hasty, "Host *\n  ConnectTimeout 2\n");
    await lab.cut("ws");
    try {
      const { ended } = startDevbackup(lab, ["status", "--json", ...config], { sshConfig: hasty });
      const { exitCode, stdout } = await ended;
      assert.equal(exitCode, 0, stdout);
      const status = JSON.parse(stdout) as Status;
      assert.deepEqual(
        status.away.map(({ host }) => host),
        ["ws"],
      );
      assert.deepEqual(newest(status).places, { ...WHOLE, workstation: "unknown" });
      assert.equal(status.verdict, "well", status.because.join("\n"));
    } finally {
      await lab.heal("ws");
    }
  });

  test("what was deleted by hand is in doubt until it is mended", async () => {
    const [row = assert.fail()] = await manifestOf(lab);
    await lab.must("ls", `rm -f ${REPOSITORY}/${row.localPath}`);
    assert.deepEqual(newest(await look()).places, { ...WHOLE, artifact: "missing" });
    assert.equal(await check(1), `in doubt: ls: the artifact of ${row.label} is missing on the server\n`);
    await apply();
    await check(0);
  });

  test("a backup that is too old is overdue", async () => {
    await lab.must("ls", `sed -i '2,$s/^[^\\t]*/2026-01-01T03:00:00.000Z/' ${MANIFEST}`);
    assert.match(await check(1), /^in doubt: ls: it is not the one that the server signed/);
    await apply("--approve", "sign");
    const status = await look();
    assert.equal(status.verdict, "overdue", status.because.join("\n"));
    assert.match(await check(1), /^overdue: the newest backup, \S+, is \d+ days old: more than the 40 days/);
  });
});
