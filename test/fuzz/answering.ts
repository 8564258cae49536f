import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { CloudSpec } from "../../src/desired-state/desired-state.ts";
import { openStore, type Store } from "../../src/transport/bucket/store.ts";

/** A store that answers every request with one body: what no real one can be made to say. */
export interface Answering {
  readonly store: Store;
  say(body: string): void;
}

/** It keeps no process alive. */
export async function openAnswering(cloud: CloudSpec): Promise<Answering> {
  let body = "";
  const server: Server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "application/xml" }).end(body);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  server.unref();
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const patience = { attempts: 1, firstDelayMs: 0, longestDelayMs: 0 };
  const keys = { accessKeyId: "id", secretAccessKey: "secret" };
  const store = await openStore({ ...cloud, endpoint }, keys, { patience });
  return { store, say: (text) => (body = text) };
}
