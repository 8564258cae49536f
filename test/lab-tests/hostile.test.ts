import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { expectExit } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { startDevbackup } from "../lab/started.ts";

const SOURCE = "/home/dev/code";
const HYDRATED = "/srv/btrfs-backups/dev/restore/worktree_receive";
const WORKING_COPY = "/srv/work/dev";

describe("what goes on beside an apply", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string;
  before(async () => {
    lab = await startLab({ store: "swift" });
    config = await lab.desiredState({ cloud: undefined });
    await lab.must("ws", `mkdir ${SOURCE}; cd ${SOURCE}; echo 1 >file; chown -R dev: .`);
    await expectExit(lab, 0, apply("2026-01", "--approve", "all"));
  });
  after(() => lab?.stop());

  const apply = (label: string, ...more: string[]) => [
    ...["apply", "--yes", "--label", label, "--config", config],
    ...more,
  ];
  const month = async (label: string) => {
    await lab.must("ws", `echo ${label} >${SOURCE}/file`);
    return expectExit(lab, 0, apply(label));
  };
  const keptIn = (stdout: string) => /kept in (\S+)/.exec(stdout)?.[1] ?? assert.fail(stdout);

  test("a receive that outlives its killed controller is waited for, and does not undo the next one's", async () => {
    await lab.must("ws", `head -c 100M /dev/urandom >${SOURCE}/large`);
    await expectExit(lab, 0, apply("2026-02", "--only", "snapshot,artifact,register"));
    const killed = startDevbackup(lab, apply("2026-02", "--only", "hydrate"));
    const pid = await lab.must(
      "ls",
      "for i in $(seq 1000); do p=$(pgrep -x age) && pgrep -x btrfs >/dev/null && kill -STOP $p && echo $p && exit; done; exit 1",
    );
    killed.signal("SIGKILL");
    await killed.ended;
    const next = startDevbackup(lab, apply("2026-02"));
    await next.said(/hydrate:dev@2026-02 +started/);
    await lab.must("ls", `kill -CONT ${pid}`);
    const { exitCode, stdout, stderr } = await next.ended;
    assert.equal(exitCode, 0, stdout + stderr);
    assert.match(stdout, /an earlier run had begun was waited for/);
    await lab.must("ls", `test -s ${HYDRATED}/dev@2026-02/large`);
  });

  test("what a program still writes to the former working copy is kept", async () => {
    await lab.must(
      "ls",
      `nohup sh -c 'exec 3>>${WORKING_COPY}/log; until [ -e /run/enough ]; do sleep 0.1; done; echo late >&3' >/dev/null 2>&1 &
      until [ -e ${WORKING_COPY}/log ]; do sleep 0.1; done`,
    );
    const kept = keptIn(await month("2026-03"));
    await lab.must("ls", `touch /run/enough; until grep -x late '${kept}/log'; do sleep 0.1; done`);
  });

  test("a subvolume that was made in the working copy is kept, and stops nothing", async () => {
    await lab.must("ls", `cd ${WORKING_COPY} && btrfs -q subvolume create own && echo precious >own/file`);
    const kept = keptIn(await month("2026-04"));
    assert.equal(await lab.must("ls", `cat '${kept}/own/file'`), "precious\n");
    assert.equal(await lab.must("ls", `cat ${WORKING_COPY}/file`), "2026-04\n");
  });
});
