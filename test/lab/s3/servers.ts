import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A store with an S3 interface that runs on this machine, with one or more empty buckets. */
export interface S3Server {
  /** Path-style; no trailing slash. */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  /** The first of the buckets. */
  readonly bucket: string;
  readonly stop: () => Promise<void>;
}

export interface S3ServerOptions {
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one. Swift takes this one and the four after it. */
  readonly port?: number;
  /** Where the objects are kept; default a new folder that `stop` removes. */
  readonly dir?: string;
  readonly buckets?: readonly string[];
  /** What the server is started through, for example `["ip", "netns", "exec", "cloud"]`. */
  readonly via?: readonly string[];
}

/** What Swift needs of Debian or Ubuntu: `apt-get install --no-install-recommends`. */
export const SWIFT_PACKAGES = [
  "swift-proxy",
  "swift-account",
  "swift-container",
  "swift-object",
  "memcached",
  "curl",
] as const;

const SWIFT_REGION = "us-east-1";
const HERE = import.meta.dirname;
const NODE = join(HERE, "../../../node_modules/.bin/node");

/** Why Swift can't be started here, or undefined where it can. */
export function whyNoSwift(): string | undefined {
  if (process.getuid?.() !== 0) return "Swift is started as root only";
  const missing = ["swift-proxy-server", "swift-object-server", "memcached"].filter(
    (program) => !["/usr/bin", "/usr/sbin", "/usr/local/bin"].some((dir) => existsSync(join(dir, program))),
  );
  return missing.length === 0
    ? undefined
    : `not installed: ${missing.join(", ")} (apt-get install --no-install-recommends ${SWIFT_PACKAGES.join(" ")})`;
}

/** Cloudflare's simulator of R2 (miniflare): strict about parts, slow (about 20 MiB/s), no list of uploads. */
export async function startR2(options: S3ServerOptions = {}): Promise<S3Server> {
  const buckets = options.buckets ?? ["test-bucket"];
  const folder = await workFolder(options.dir);
  const server = await start(
    [...(options.via ?? []), NODE, join(HERE, "r2.mjs")],
    [options.host ?? "127.0.0.1", String(options.port ?? 0), folder.path, buckets.join(",")],
  );
  return {
    endpoint: server.endpoint,
    accessKeyId: "test-key",
    secretAccessKey: "no-one-may-find-this-bucket-secret",
    region: "auto",
    bucket: buckets[0] ?? "",
    stop: () => server.stop().then(folder.remove),
  };
}

/** OpenStack Swift with s3api: quick, lists parts and uploads, allows unequal parts. Root only. */
export async function startSwift(options: S3ServerOptions = {}): Promise<S3Server> {
  const buckets = options.buckets ?? ["test-bucket"];
  const folder = await workFolder(options.dir);
  const server = await start(
    [...(options.via ?? []), join(HERE, "start-swift.sh")],
    [folder.path, String(options.port ?? (await freePorts(5))), options.host ?? "127.0.0.1"],
  );
  const keys = { accessKeyId: "test:tester", secretAccessKey: "no-one-may-find-this-bucket-secret" };
  try {
    await createBuckets(server.endpoint, keys, buckets);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    endpoint: server.endpoint,
    ...keys,
    region: SWIFT_REGION,
    bucket: buckets[0] ?? "",
    stop: () => server.stop().then(folder.remove),
  };
}

/** Both servers print `ready ENDPOINT` when they are up, and end when their stdin does. */
async function start([program = "", ...before]: readonly string[], args: readonly string[]) {
  const child = spawn(program, [...before, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const endpoint = await readyLine(child);
  return {
    endpoint,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

function readyLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      reject(new Error(`${child.spawnfile} ended with ${code} before it was up`)),
    );
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [word, endpoint] = line.split(" ");
      if (word === "ready" && endpoint !== undefined) resolve(endpoint);
    });
  });
}

async function createBuckets(
  endpoint: string,
  credentials: { accessKeyId: string; secretAccessKey: string },
  buckets: readonly string[],
): Promise<void> {
  const { CreateBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    endpoint,
    credentials: { ...credentials },
    region: SWIFT_REGION,
    forcePathStyle: true,
  });
  for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  client.destroy();
}

async function workFolder(dir: string | undefined): Promise<{ path: string; remove: () => Promise<void> }> {
  if (dir !== undefined) return { path: dir, remove: async () => {} };
  const path = await mkdtemp(join(tmpdir(), "devbackup-s3-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The first of `count` neighbouring ports that were free a moment ago. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const wanted = Array.from({ length: count }, (_, index) => first + index);
    if ((await Promise.all(wanted.map(isFree))).every(Boolean)) return first;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
