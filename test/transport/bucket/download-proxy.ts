import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { S3Server } from "../../lab/s3/servers.ts";

/** What a GET meets instead of the store's answer. */
export type GetFault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly code?: string }
  /** After that many bytes of the body: a reset, an end as if that had been all, or nothing ever more. */
  | { readonly afterBytes: number; readonly ending: "reset" | "end" | "stall" }
  /** This byte of the answer's body is another one. */
  | { readonly damagedByte: number };

/** A GET or HEAD that the proxy has seen. */
export interface Asked {
  readonly method: string;
  readonly key: string;
  /** Where the asked-for range begins; undefined where none was asked for. */
  readonly from: number | undefined;
  /** How many bytes of a body of the store's went through. */
  bytes: number;
}

export interface DownloadProxy {
  /** As `server`, but through the proxy. */
  readonly server: S3Server;
  readonly asked: Asked[];
  /** Of the ranges of all GETs, where they began. */
  readonly starts: () => readonly (number | undefined)[];
  readonly stop: () => Promise<void>;
}

/** Stands in front of `server`. `faultOf` is asked for every GET with how many have come before. */
export async function downloadProxy(
  server: S3Server,
  faultOf: (before: number) => GetFault | undefined | Promise<GetFault | undefined>,
): Promise<DownloadProxy> {
  const target = new URL(server.endpoint);
  const asked: Asked[] = [];
  let gets = 0;

  const pass = (from: IncomingMessage, to: ServerResponse, entry: Asked, fault: GetFault | undefined) => {
    const { method, url: path, headers } = from;
    const onward = forward({ host: target.hostname, port: target.port, method, path, headers, agent: false });
    onward.on("response", (answer) => {
      const status = answer.statusCode ?? 502;
      const cut = fault && "afterBytes" in fault ? fault : undefined;
      const { "content-length": _, ...unmeasured } = answer.headers;
      const early = cut?.ending === "end";
      to.writeHead(status, early ? { ...unmeasured, connection: "close" } : answer.headers);
      if (method === "HEAD") return to.end();
      answer.on("data", (chunk: Buffer) => {
        const part = cut ? chunk.subarray(0, Math.max(0, cut.afterBytes - entry.bytes)) : chunk;
        const at = fault && "damagedByte" in fault ? fault.damagedByte - entry.bytes : -1;
        if (at >= 0 && at < part.length) part[at] = (part[at] ?? 0) ^ 1;
        if (status < 300) entry.bytes += part.length;
        if (!to.write(part)) {
          answer.pause();
          to.once("drain", () => answer.resume());
        }
        if (cut === undefined || entry.bytes < cut.afterBytes) return;
        answer.destroy();
        // what was written has to get through first: a reset throws away what is under way
        if (cut.ending === "reset") setTimeout(() => from.socket.resetAndDestroy(), 300);
        if (cut.ending === "end") to.end();
      });
      answer.on("end", () => to.end());
    });
    // Swift sends a body after HEAD, which is no HTTP; the answer has come by then
    onward.on("error", () => to.headersSent || to.destroy());
    from.on("close", () => from.complete || onward.destroy());
    to.on("close", () => onward.destroy());
    from.pipe(onward);
  };

  const proxy = createServer(async (from, to) => {
    const { method = "" } = from;
    if (method !== "GET" && method !== "HEAD") return pass(from, to, entryOf(from), undefined);
    const entry = entryOf(from);
    asked.push(entry);
    const fault = method === "GET" ? await faultOf(gets++) : undefined;
    if (fault === undefined || !("status" in fault)) return pass(from, to, entry, fault);
    to.writeHead(fault.status, { connection: "close", ...fault.headers });
    to.end(`<Error><Code>${fault.code ?? ""}</Code><Message>on purpose</Message></Error>`);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const path = target.pathname.replace(/\/$/, "");
  const entryOf = ({ method = "", url = "", headers }: IncomingMessage): Asked => {
    const from = /^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1];
    const key = decodeURIComponent(new URL(url, "http://x").pathname).slice(path.length + 1);
    return { method, key, from: from === undefined ? undefined : Number(from), bytes: 0 };
  };
  return {
    server: { ...server, endpoint: `http://127.0.0.1:${port}${path}` },
    asked,
    starts: () => asked.filter(({ method }) => method === "GET").map(({ from }) => from),
    stop: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
}
