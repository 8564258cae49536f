import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { savePlan, whatToDo } from "../../src/cli/plan-file.ts";
import { type RequestFlags, readRequest } from "../../src/cli/request.ts";
import type { DatasetSpec, DesiredState } from "../../src/desired-state/desired-state.ts";
import type { DatasetName } from "../../src/domain/names.ts";
import type { DevbackupError } from "../../src/domain/trouble.ts";
import { desired } from "../reconcilers/world.ts";
import { action, id, plan } from "../report/examples.ts";

const [dev] = desired().datasets as [DatasetSpec];
const notes: DatasetSpec = { ...dev, name: "notes" as DatasetName };
const WHOLE: DesiredState = { ...desired(), datasets: [dev, notes] };
const NOW = new Date("2026-03-15T12:00:00Z");

describe("a plan that was saved with", () => {
  const folder = mkdtempSync(join(tmpdir(), "plan-file-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "plan");

  const saved = async (flags: RequestFlags, whole = WHOLE) => {
    const { desired: part, request } = readRequest(whole, flags, NOW);
    const labels = Object.fromEntries(part.datasets.map(({ name }) => [name, "2026-03" as never]));
    await savePlan(file, part, request, plan([action({ id: id("snapshot:x") })], { labels }));
    return { part, request };
  };

  const rows: readonly { readonly flags: RequestFlags; readonly command: string }[] = [
    { flags: {}, command: "devbackup apply" },
    { flags: { dataset: "notes" }, command: "devbackup apply --dataset notes" },
    { flags: { dataset: "dev", label: "2026-03" }, command: "devbackup apply --label 2026-03 --dataset dev" },
    {
      flags: { host: "ls", only: "cloud,retention" },
      command: "devbackup apply --host ls --only cloud,retention",
    },
    { flags: { restore: "latest" }, command: "devbackup apply --restore latest" },
    {
      flags: { restore: "2026-03", to: "/home/dev/old", dataset: "dev" },
      command: "devbackup apply --restore 2026-03 --to /home/dev/old --dataset dev",
    },
  ];
  for (const { flags, command } of rows)
    test(`${JSON.stringify(flags)} asks for the same when it is applied`, async () => {
      const { part, request } = await saved(flags);
      const what = await whatToDo(WHOLE, file, { color: false });
      assert.deepEqual(what.desired, part);
      // a login is kept to what all datasets need, not to those of this plan
      assert.equal(what.desired.partOf, flags.dataset === undefined ? undefined : WHOLE);
      assert.deepEqual(what.request, request);
      assert.equal(what.command, command);
    });

  test("a selection that no flag makes is not gone by", async () => {
    await saved({});
    const forged = JSON.parse(readFileSync(file, "utf8"));
    forged.selection.kinds = ["snapshot"];
    writeFileSync(file, JSON.stringify(forged));
    const { request } = await whatToDo(WHOLE, file, { color: false });
    assert.deepEqual(request.selection, { host: null, stages: null });
  });

  test("one dataset does not fit where that is declared otherwise, and does where another is", async () => {
    await saved({ dataset: "dev" });
    const other = (spec: DatasetSpec) => ({ ...spec, owner: "somebody" });
    const changed = { ...WHOLE, datasets: [other(dev), notes] };
    await assert.rejects(whatToDo(changed, file, { color: false }), ({ trouble }: DevbackupError) => {
      assert.deepEqual([trouble.code, trouble.exitCode], ["desired-state-changed", 5]);
      assert.equal(trouble.next, `devbackup plan --out ${file} --dataset dev`);
      return true;
    });
    await whatToDo({ ...WHOLE, datasets: [dev, other(notes)] }, file, { color: false });
  });
});
