import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { statusNow } from "../../src/cli/look-around.ts";
import type { Session } from "../../src/cli/session.ts";
import type { Code } from "../../src/domain/code.ts";
import type { HostName } from "../../src/domain/names.ts";
import { DevbackupError, type ExitCode } from "../../src/domain/trouble.ts";
import type { Host } from "../../src/transport/host.ts";
import { lookAt } from "../reconcilers/world.ts";

const trouble = (code: Code, host: string | null, exitCode: ExitCode = 4): DevbackupError =>
  new DevbackupError({
    code,
    exitCode,
    what: `${code} it is`,
    ...(host !== null && { host: host as HostName }),
  });

/** What is looked at is a settled world; `troubles` are what hosts, and the bucket, answer instead. */
async function look(troubles: { readonly ws?: Code; readonly ls?: Code; readonly bucket?: Code }) {
  const { desired, observed, request } = lookAt({
    rows: "2026-05 full 10, 2026-06 incr 1",
    target: "2026-06",
  });
  const looks: unknown[] = [];
  const host = async (name: HostName): Promise<Host> => {
    const code = troubles[name as "ws" | "ls"];
    if (code !== undefined) throw trouble(code, name);
    return {} as Host;
  };
  const session: Pick<Session, "host" | "look"> = {
    host,
    look: async (buckets, more) => {
      looks.push(more);
      for (const { workstation, server } of desired.datasets)
        for (const name of [workstation, server]) if (more?.away?.has(name) !== true) await host(name);
      if (buckets === undefined && troubles.bucket !== undefined) throw trouble(troubles.bucket, null, 1);
      return { ...observed, buckets: buckets ?? observed.buckets };
    },
  };
  return { status: await statusNow(session as Session, desired, request), looks };
}

describe("a look for the status", () => {
  for (const code of ["host-timeout", "host-unreachable", "host-not-found", "host-refused"] as const)
    test(`a workstation with ${code} is away, and everything else is looked at`, async () => {
      const { status, looks } = await look({ ws: code });
      assert.deepEqual(status.away, [{ host: "ws", why: `${code} it is` }]);
      assert.deepEqual(looks, [{ away: new Map([["ws", `${code} it is`]]), all: true }]);
    });

  for (const code of ["login-refused", "host-key-changed", "host-key-unknown"] as const)
    test(`a workstation with ${code} is an error`, () =>
      assert.rejects(
        look({ ws: code }),
        (error) => error instanceof DevbackupError && error.trouble.code === code,
      ));

  test("a server that does not answer is an error", () =>
    assert.rejects(
      look({ ls: "host-timeout" }),
      (error) => error instanceof DevbackupError && error.trouble.exitCode === 4,
    ));

  test("a bucket that refuses is unknown, and in doubt", async () => {
    const { status } = await look({ bucket: "cloud-credentials" });
    assert.equal(status.cloud?.unknown, "cloud-credentials it is");
    assert.equal(status.verdict, "in-doubt");
  });
});
