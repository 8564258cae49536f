import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { everyCommand } from "../../src/cli/commands/program-command.ts";
import { earlierWords, todaysWords } from "../../src/cli/earlier-words.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";

const HOSTS = { server: "ls1", workstation: "ws1" };

/** What `typed` is today; itself where it is no word of the earlier tool. */
async function today(typed: string): Promise<string | null> {
  const earlier = earlierWords(typed.split(" "));
  if (earlier === undefined) return typed;
  return (await todaysWords(earlier, async (role) => HOSTS[role]))?.join(" ") ?? null;
}

describe("the earlier tool's words, as they were typed", () => {
  const rows: readonly (readonly [typed: string, today: string])[] = [
    ["init ls", "apply --only provision --host ls1"],
    ["init ws", "apply --only provision --host ws1"],
    ["ws run-month --label 2026-03", "apply --label 2026-03"],
    ["sync push", "apply --only cloud"],
    ["sync pull --label 2026-03", "apply --restore 2026-03 --only provision,artifact,register --host ls1"],
    ["restore plan 2026-03", "plan --restore 2026-03"],
    ["restore hydrate --label latest", "apply --restore latest --only hydrate --host ls1"],
    ["restore apply --label latest", "apply --restore latest"],
  ];
  for (const [typed, is] of rows)
    test(`${typed} is ${is}`, async () => {
      assert.equal(await today(typed), is);
      // today's words are words that today's program knows
      const program = buildProgram("0.0.0");
      let ran = "";
      for (const { words, command } of everyCommand(program))
        if (command.commands.length === 0)
          command.exitOverride().action(() => {
            ran = words;
          });
      program.parse(is.split(" "), { from: "user" });
      assert.equal(ran, `devbackup ${is.split(" ")[0]}`);
    });

  test("the label may stand without its flag, or glued to it; all else goes along as it is", async () => {
    for (const label of ["2026-03", "--label 2026-03", "--label=2026-03"])
      assert.equal(await today(`ws run-month ${label} --yes`), "apply --label 2026-03 --yes");
    assert.equal(
      await today("restore apply --yes --label latest --approve worktree --json"),
      "apply --restore latest --yes --approve worktree --json",
    );
  });

  test("--config may stand in front, where it always stood; the TOML itself is to be imported first", async () => {
    for (const config of ["--config state", "--config=state"])
      assert.equal(await today(`${config} sync push`), "apply --only cloud --config state");
    assert.equal(await today("sync push --config state"), "apply --only cloud --config state");
    await assert.rejects(
      today("--config /etc/dev-backup/config.toml init ls"),
      (error) =>
        error instanceof DevbackupError &&
        error.trouble.next === "devbackup import-config /etc/dev-backup/config.toml",
    );
  });

  test("where the label is missing, nothing is done with another one", async () => {
    for (const words of ["ws run-month", "ws run-month --label", "restore apply --yes", "sync pull"])
      await assert.rejects(today(words), { name: "DevbackupError", message: /wants a label/ }, words);
    assert.match((await today("ws run-month --help")) ?? "", /^apply .*--help$/);
  });

  test("a folder, which some took to pull into, is no plan to carry out", async () => {
    for (const words of [
      "sync pull 2026-03 /tmp/x",
      "sync pull --label 2026-03 /tmp/x --yes",
      "sync push /tmp/x",
    ])
      await assert.rejects(today(words), { name: "DevbackupError", message: /\/tmp\/x has no place/ }, words);
  });

  test("where the host of the role can't be told, nothing is done on all of them", async () => {
    const earlier = earlierWords(["init", "ls"]) ?? assert.fail();
    assert.equal(await todaysWords(earlier, async () => null), null);
  });

  test("today's own words stay: a folder for init, a restore of a label", async () => {
    for (const words of [
      "init ./ls",
      "init",
      "init lss",
      "restore 2026-03 --to /tmp/x",
      "restore latest hydrate --to /tmp/x",
      "plan",
      "--config x plan",
      "toString constructor",
    ])
      assert.equal(await today(words), words);
  });
});
