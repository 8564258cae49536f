import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nextInWords } from "../../src/apply/in-words.ts";
import { commandLine, typedBy, wholeCommand } from "../../src/cli/command-line.ts";
import { AGAIN, LOOK } from "../../src/domain/trouble.ts";
import { approveCommand } from "../../src/plan/approval.ts";
import type { ActionId } from "../../src/plan/plan.ts";

const FLAGS = { config: "/etc/devbackup/schedule/desired-state", dataset: "dev" };

describe("commands that are suggested", () => {
  test("by hand: with the flags that were typed", () => {
    assert.equal(commandLine(AGAIN, FLAGS), `${AGAIN} --config ${FLAGS.config} --dataset dev`);
  });

  test("another command than what was typed: of the same desired state", () => {
    const config = "/srv/it's here/devbackup.yaml";
    const typed = typedBy("devbackup verify", { config, dataset: "dev" });
    const next = nextInWords("devbackup drill", typed);
    assert.equal(next, `devbackup drill --config '/srv/it'\\''s here/devbackup.yaml'`);
    assert.equal(nextInWords(next, typed), next, "once");
    assert.equal(nextInWords("devbackup drill", typedBy(AGAIN, { dataset: "dev" })), "devbackup drill");
  });

  test("with a label that is suggested, too", () => {
    const next = nextInWords(`${AGAIN} --label 2026-08`, typedBy(AGAIN, FLAGS));
    assert.equal(next, `${AGAIN} --config ${FLAGS.config} --dataset dev --label 2026-08`);
  });

  test("by a scheduled run: for whoever reads of it, and not of the copy that it reads", (context) => {
    process.env.DEVBACKUP_STANDPOINT = "/etc/devbackup/schedule/standpoint.json";
    context.after(() => delete process.env.DEVBACKUP_STANDPOINT);
    const apply = "from where you apply: devbackup apply --dataset dev";
    assert.equal(commandLine(AGAIN, FLAGS), apply);
    assert.equal(wholeCommand({ ...FLAGS, only: "cloud" }), apply);
    assert.equal(
      approveCommand("sign:dev" as ActionId, commandLine(AGAIN, FLAGS)),
      `${apply} --approve sign:dev`,
    );
    const words = typedBy(AGAIN, FLAGS);
    const next = nextInWords(`wait, then: ${AGAIN}`, words);
    assert.equal(next, `wait, then: ${apply}`);
    assert.equal(nextInWords(next, words), next, "it is put into their words once");
    assert.equal(nextInWords(LOOK, words), "from where you apply: devbackup plan --dataset dev");
    assert.equal(nextInWords("devbackup verify", words), "devbackup verify", "nor what reads the copy");
    assert.equal(words.exactly, undefined, "nobody typed it");
  });
});
