import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { S3Server } from "./servers.ts";

/** What a request is for, told by its method and query. `put` is a whole object, `part` a part of one. */
export type Operation =
  | "list"
  | "uploads"
  | "parts"
  | "head"
  | "get"
  | "put"
  | "part"
  | "create"
  | "complete"
  | "abort"
  | "delete";

/** What a request, or the store's answer to it, meets on the way. */
export type Fault =
  /** Another answer than the store's, which never gets the request. With `code`, S3's document about it. */
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly code?: string;
      readonly body?: string;
    }
  /** After that many bytes of the body, the request's or else the answer's: a reset, an end, or nothing ever more. */
  | { readonly afterBytes: number; readonly ending: "reset" | "end" | "stall"; readonly of?: "request" }
  /** This byte of the body, the request's or else the answer's, is another one. */
  | { readonly damagedByte: number; readonly of?: "request" }
  /** The answer's body comes no quicker than this. */
  | { readonly bytesPerSecond: number }
  /** This answer, and then `body` again and again for as long as anybody reads. */
  | { readonly status: number; readonly endless: string; readonly headers?: Readonly<Record<string, string>> }
  /** The store does as it is asked, and its answer never comes: the connection is reset instead. */
  | { readonly answer: "lost" }
  /** The text of the store's answer with these replaced, as often as they occur. */
  | { readonly replaced: readonly (readonly [from: string, to: string])[] };

/** The faults that a kind of request meets. */
export interface Rule {
  readonly on: Operation | readonly Operation[];
  /** Default: any. */
  readonly part?: number;
  /** Default: any key. */
  readonly key?: RegExp;
  /** What the first such request meets, the second…; undefined lets it through. Behind the last, none is met. */
  readonly faults?: readonly (Fault | undefined)[];
  /** What every one behind these meets. */
  readonly always?: Fault;
  /** Done before a request goes on, with how many such have come before it. */
  readonly meanwhile?: (before: number) => Promise<unknown>;
}

/** A request that the proxy has seen. */
export interface Asked {
  readonly operation: Operation;
  readonly key: string;
  /** 0 for anything but a part. */
  readonly part: number;
  /** Where the asked-for range begins; undefined where none was asked for. */
  readonly from: number | undefined;
  readonly atMs: number;
  /** Of the store's answer; undefined where it was not asked. */
  status: number | undefined;
  /** How many bytes of a good answer's body went through. */
  bytes: number;
}

export interface FaultProxy {
  /** As the server behind it, but through the proxy. */
  readonly server: Omit<S3Server, "stop">;
  /** May be changed at any time; the first rule that fits a request is the one that counts. */
  rules: readonly Rule[];
  readonly asked: Asked[];
  readonly of: (...operations: readonly Operation[]) => readonly Asked[];
  readonly stop: () => Promise<void>;
}

/** What a captive portal answers to whatever it is asked; well-formed, as XML too. */
export const PORTAL: Fault = {
  status: 200,
  headers: { "content-type": "text/html" },
  body: "<html><head><title>Welcome</title></head><body><p>Please log in to use this network.</p></body></html>",
};

/** Stands in front of `server`, or of what is like one. The store sees the address of the proxy in what was signed. */
export async function faultProxy(
  server: Omit<S3Server, "stop">,
  rules: readonly Rule[] = [],
  host = "127.0.0.1",
): Promise<FaultProxy> {
  const target = new URL(server.endpoint);
  const path = target.pathname.replace(/\/$/, "");
  const asked: Asked[] = [];
  const counts = new WeakMap<Rule, number>();

  const faultOf = async (entry: Asked): Promise<Fault | undefined> => {
    const rule = proxy.rules.find((each) => fits(each, entry));
    if (rule === undefined) return undefined;
    const before = counts.get(rule) ?? 0;
    counts.set(rule, before + 1);
    await rule.meanwhile?.(before);
    return before < (rule.faults?.length ?? 0) ? rule.faults?.[before] : rule.always;
  };

  const http = createServer(async (from, to) => {
    // whoever breaks off is none of our errors
    for (const end of [from, to]) end.on("error", () => {});
    const entry = entryOf(from, path);
    asked.push(entry);
    const fault = await faultOf(entry);
    if (fault !== undefined && "status" in fault) await instead(fault, from, to);
    else pass(target, entry, fault, from, to);
  });
  await new Promise<void>((resolve) => http.listen(0, host, resolve));
  const { port } = http.address() as AddressInfo;
  const proxy: FaultProxy = {
    server: { ...server, endpoint: `http://${host}:${port}${path}` },
    rules,
    asked,
    of: (...operations) => asked.filter(({ operation }) => operations.includes(operation)),
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return proxy;
}

/** Numbers of the parts that the store has taken, in that order; a whole object is part 0. */
export const takenParts = (proxy: FaultProxy): readonly number[] =>
  proxy
    .of("part", "put")
    .filter(({ status }) => status === 200)
    .map(({ part }) => part);

const fits = ({ on, part, key }: Rule, entry: Asked): boolean =>
  [on].flat().includes(entry.operation) &&
  (part === undefined || part === entry.part) &&
  (key === undefined || key.test(entry.key));

function entryOf({ method = "", url = "", headers }: IncomingMessage, path: string): Asked {
  const { pathname, searchParams: query } = new URL(url, "http://x");
  const [, key = ""] = /^\/[^/]*\/?(.*)$/s.exec(decodeURIComponent(pathname).slice(path.length)) ?? [];
  const from = /^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1];
  return {
    operation: operationOf(method, query, key),
    key,
    part: Number(query.get("partNumber") ?? 0),
    from: from === undefined ? undefined : Number(from),
    atMs: Date.now(),
    status: undefined,
    bytes: 0,
  };
}

function operationOf(method: string, query: URLSearchParams, key: string): Operation {
  switch (method) {
    case "HEAD":
      return "head";
    case "PUT":
      return query.has("partNumber") ? "part" : "put";
    case "POST":
      return query.has("uploads") ? "create" : "complete";
    case "DELETE":
      return query.has("uploadId") ? "abort" : "delete";
    default:
      return query.has("uploads") ? "uploads" : query.has("uploadId") ? "parts" : key === "" ? "list" : "get";
  }
}

/** Answers in the store's place, once all of the request has come. */
async function instead(
  fault: Extract<Fault, { readonly status: number }>,
  from: IncomingMessage,
  to: ServerResponse,
): Promise<void> {
  await from.resume().toArray();
  to.writeHead(fault.status, { connection: "close", ...fault.headers });
  if (!("endless" in fault)) {
    const document = `<Error><Code>${fault.code}</Code><Message>on purpose</Message></Error>`;
    to.end(from.method === "HEAD" ? undefined : (fault.body ?? (fault.code === undefined ? "" : document)));
    return;
  }
  while (!to.destroyed) {
    if (!to.write(fault.endless))
      await new Promise((resolve) => to.once("drain", resolve).once("close", resolve));
    await sleep(1);
  }
}

function pass(
  target: URL,
  entry: Asked,
  fault: Fault | undefined,
  from: IncomingMessage,
  to: ServerResponse,
): void {
  const { method, url, headers } = from;
  const onward = forward({
    host: target.hostname,
    port: target.port,
    method,
    path: url,
    headers,
    agent: false,
  });
  onward.on("response", async (answer) => {
    entry.status = answer.statusCode ?? 502;
    const good = entry.status < 300;
    if (fault !== undefined && "answer" in fault)
      return void answer.resume().on("end", () => from.socket.resetAndDestroy());
    // not even its head comes
    if (fault !== undefined && "ending" in fault && fault.ending === "stall" && fault.afterBytes === 0)
      return;
    const head: Record<string, string | string[] | undefined> = { ...answer.headers };
    // an end that comes early, or another text, has another length
    if (fault !== undefined && ("replaced" in fault || ("ending" in fault && fault.ending === "end"))) {
      delete head["content-length"];
      head.connection = "close";
    }
    to.writeHead(entry.status, head);
    if (method === "HEAD") return void to.end();
    const altered = answer.pipe(altering(isOf("answer", fault) ? fault : undefined, from, to));
    altered.on("data", (chunk: Buffer) => {
      if (good) entry.bytes += chunk.length;
    });
    altered.pipe(to);
  });
  // Swift sends a body after HEAD, which is no HTTP; the answer has come by then
  onward.on("error", () => to.headersSent || to.destroy());
  from.on("close", () => from.complete || onward.destroy());
  to.on("close", () => onward.destroy());
  from.pipe(altering(isOf("request", fault) ? fault : undefined, from, to)).pipe(onward);
}

const isOf = (side: "request" | "answer", fault: Fault | undefined): boolean =>
  (fault !== undefined && "of" in fault ? "request" : "answer") === side;

/** What a body goes through, with what is to happen to it. */
function altering(fault: Fault | undefined, from: IncomingMessage, to: ServerResponse): Transform {
  let seen = 0;
  let text = "";
  return new Transform({
    transform: async function (chunk: Buffer, _encoding, done) {
      const at = seen;
      seen += chunk.length;
      if (fault === undefined) return done(null, chunk);
      if ("replaced" in fault) {
        text += chunk.toString("latin1");
        return done();
      }
      if ("damagedByte" in fault) {
        const byte = fault.damagedByte - at;
        if (byte >= 0 && byte < chunk.length) chunk[byte] = (chunk[byte] ?? 0) ^ 1;
        return done(null, chunk);
      }
      if ("bytesPerSecond" in fault) {
        await sleep((1000 * chunk.length) / fault.bytesPerSecond);
        return done(null, chunk);
      }
      if (!("afterBytes" in fault) || seen < fault.afterBytes) return done(null, chunk);
      this.push(chunk.subarray(0, Math.max(0, fault.afterBytes - at)));
      // what was written has to get through first: a reset throws away what is under way
      if (fault.ending === "reset") setTimeout(() => from.socket.resetAndDestroy(), 300);
      if (fault.ending === "end") setTimeout(() => to.end(), 50);
    },
    flush: function (done) {
      if (fault !== undefined && "replaced" in fault)
        this.push(
          Buffer.from(
            fault.replaced.reduce((all, [was, is]) => all.replaceAll(was, is), text),
            "latin1",
          ),
        );
      done();
    },
  });
}
