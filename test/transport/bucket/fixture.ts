import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CloudSpec } from "../../../src/desired-state/desired-state.ts";
import type { HostName, Sha256 } from "../../../src/domain/names.ts";
import { DevbackupError, type Trouble } from "../../../src/domain/trouble.ts";
import { type Bucket, connectBucket } from "../../../src/transport/bucket/bucket.ts";
import type { UploadRequest } from "../../../src/transport/bucket/upload.ts";
import { localHost } from "../../../src/transport/local-host.ts";
import type { S3Server } from "../../lab/s3/servers.ts";

export const MIB = 1024 ** 2;

/** This machine in the server's place. */
export const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });

const QUICK = { attempts: 4, firstDelayMs: 20, longestDelayMs: 100 };

/** A bucket of `server` with parts of 5 MiB, whose retries do not take long. */
export function bucketOf(
  server: Pick<S3Server, "endpoint" | "bucket" | "region" | "accessKeyId" | "secretAccessKey">,
  changed: Partial<CloudSpec> & { readonly listPageSize?: number } = {},
): Promise<Bucket> {
  const { listPageSize, ...cloud } = changed;
  const spec: CloudSpec = {
    endpoint: server.endpoint,
    bucket: server.bucket,
    prefix: "",
    region: server.region,
    accessKeyId: { kind: "env", name: "UNUSED" },
    secretAccessKey: { kind: "env", name: "UNUSED" },
    partSizeBytes: 5 * MIB,
    concurrency: 3,
    bandwidthLimitBytesPerSecond: null,
    ...cloud,
  };
  return connectBucket(spec, server, {
    patience: QUICK,
    ...(listPageSize === undefined ? {} : { listPageSize }),
  });
}

/** A folder of files to upload. */
export async function workFolder() {
  const path = await mkdtemp(join(tmpdir(), "devbackup-upload-"));
  return {
    path,
    /** A file of random bytes and what {@link Bucket.upload} wants to know of it. */
    file: async (name: string, sizeBytes: number): Promise<UploadRequest> => {
      const data = randomBytes(sizeBytes);
      const file = join(path, name);
      await writeFile(file, data);
      const sha256 = createHash("sha256").update(data).digest("hex") as Sha256;
      return { file, key: `dev/artifacts/${name}`, sizeBytes, sha256, statePath: `${file}.upload` };
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** Whether the object under the key of `request` has the bytes of its file, as a download tells. */
export async function sameBytes(bucket: Bucket, request: UploadRequest): Promise<boolean> {
  const answer = await fetch(await bucket.presignGet(request.key, 60));
  const stored = Buffer.from(await answer.arrayBuffer());
  return answer.ok && stored.equals(await readFile(request.file));
}

/** The trouble that `promise` is rejected with; anything else is thrown on. */
export async function troubleOf(promise: Promise<unknown>): Promise<Trouble> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DevbackupError) return error.trouble;
    throw error;
  }
  throw new Error("nothing went wrong");
}

/** What a part of an upload meets instead of the store. `reset` comes after its first MiB. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string>; readonly code?: string }
  | "reset";

export interface FaultProxy {
  /** As `server`, but through the proxy. */
  readonly server: S3Server;
  /** Numbers of the parts that the store has taken, in that order; a single PUT is part 0. */
  readonly taken: number[];
  readonly stop: () => Promise<void>;
}

/**
 * Stands in front of `server`. `faultOf` is asked for every PUT with the number of its part and how many
 * times it has come before; undefined lets it through.
 */
export async function faultProxy(
  server: S3Server,
  faultOf: (part: number, before: number) => Fault | undefined,
): Promise<FaultProxy> {
  const target = new URL(server.endpoint);
  const taken: number[] = [];
  const seen = new Map<number, number>();

  const pass = (from: IncomingMessage, to: ServerResponse, part: number) => {
    const { method, url: path, headers } = from;
    const onward = forward({ host: target.hostname, port: target.port, method, path, headers, agent: false });
    onward.on("response", (answer) => {
      if (method === "PUT" && answer.statusCode === 200) taken.push(part);
      to.writeHead(answer.statusCode ?? 502, answer.headers);
      if (method === "HEAD") to.end();
      else answer.pipe(to);
    });
    // Swift sends a body after HEAD, which is no HTTP; the answer has come by then
    onward.on("error", () => to.headersSent || to.destroy());
    from.on("close", () => from.complete || onward.destroy());
    from.pipe(onward);
  };

  const proxy = createServer((from, to) => {
    const part = Number(new URL(from.url ?? "", "http://x").searchParams.get("partNumber") ?? 0);
    const before = seen.get(part) ?? 0;
    const fault = from.method === "PUT" ? faultOf(part, before) : undefined;
    if (from.method === "PUT") seen.set(part, before + 1);
    if (fault === undefined) return pass(from, to, part);
    if (fault !== "reset") {
      from.resume().on("end", () => {
        to.writeHead(fault.status, { connection: "close", ...fault.headers });
        to.end(`<Error><Code>${fault.code ?? ""}</Code><Message>on purpose</Message></Error>`);
      });
      return;
    }
    let bytes = 0;
    from.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MIB) from.socket.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}${target.pathname.replace(/\/$/, "")}`;
  return {
    server: { ...server, endpoint },
    taken,
    stop: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        proxy.closeAllConnections();
      }),
  };
}
