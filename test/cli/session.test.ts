import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { openSession } from "../../src/cli/session.ts";
import type { CloudSpec, HostSpec } from "../../src/desired-state/desired-state.ts";
import { unknown } from "../../src/domain/fact.ts";
import { lookAt } from "../reconcilers/world.ts";

test("a look that does without the bucket does not keep the next one from asking it", async (context) => {
  let asked = 0;
  const store = createServer((_request, response) => {
    asked += 1;
    // nothing is tried again after that
    response.writeHead(403, { "content-type": "application/xml" });
    response.end("<Error><Code>InvalidAccessKeyId</Code><Message>no such key</Message></Error>");
  }).listen(0, "127.0.0.1");
  await once(store, "listening");
  context.after(() => {
    store.close();
    store.closeAllConnections();
  });
  const { port } = store.address() as AddressInfo;
  const { desired, request } = lookAt({ rows: "", target: "2026-01" });
  const here = (host: HostSpec): HostSpec => ({ ...host, connection: { kind: "local" }, become: "none" });
  const cloud = { ...desired.cloud, endpoint: `http://127.0.0.1:${port}` } as CloudSpec;
  const hosts = new Map([...desired.hosts].map(([name, host]) => [name, here(host)]));
  Object.assign(process.env, { A: "id", B: "secret" });
  const session = openSession({ ...desired, hosts, cloud }, request, {});
  context.after(() => session.close());
  const [spec = assert.fail()] = desired.datasets;
  await session.look(new Map([[spec.name, unknown("it was not asked")]]));
  assert.equal(asked, 0);
  await session.look().catch(() => undefined);
  assert.notEqual(asked, 0);
});
