import assert from "node:assert/strict";
import { test } from "node:test";
import type { Code } from "../../src/domain/code.ts";
import type { HostName } from "../../src/domain/names.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import type { Host } from "../../src/transport/host.ts";
import { withAdministrator } from "../../src/transport/with-administrator.ts";

const refusal = (code: Code) => new DevbackupError({ code, exitCode: 4, what: "refused" });

function host(answer: (script: string) => string, closed: string[] = []): Host {
  const run = async (script: string) => ({ exitCode: 0, stdout: answer(script), stderr: "" });
  return {
    name: "ls" as HostName,
    run,
    start: async (script) => {
      const ended = run(script);
      const firstLine = ended.then(({ stdout }) => stdout);
      for (const promise of [ended, firstLine]) promise.catch(() => {});
      return { firstLine, ended, alive: () => true, silentMs: () => 0, stop: async () => {} };
    },
    shellArgv: () => [],
    close: async () => void closed.push("closed"),
  };
}

const refusing = (code: Code) =>
  host((script) => {
    if (script === "allowed") return "by the restricted login";
    throw refusal(code);
  });

test("what the restricted login refuses is done by the administrator's, opened once and for that alone", async () => {
  let opened = 0;
  const closed: string[] = [];
  const both = withAdministrator(refusing("restricted"), async () => {
    opened++;
    return host(() => "by the administrator", closed);
  });
  assert.equal((await both.run("allowed")).stdout, "by the restricted login");
  assert.equal(await (await both.start("allowed")).firstLine, "by the restricted login");
  assert.equal(opened, 0);
  assert.equal((await both.run("other")).stdout, "by the administrator");
  assert.equal(await (await both.start("other")).firstLine, "by the administrator");
  assert.equal((await (await both.administrator?.())?.run("allowed"))?.stdout, "by the administrator");
  await both.close();
  assert.deepEqual([opened, closed], [1, ["closed"]]);
});

test("a link that is lost is not an occasion for more rights", async () => {
  const both = withAdministrator(refusing("link-lost"), async () => assert.fail("it was opened"));
  await assert.rejects(both.run("other"), { trouble: refusal("link-lost").trouble });
});
