import { spawn, spawnSync } from "node:child_process";
import { appendFileSync, existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, symlink, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa, type Options } from "execa";
import { stringify } from "yaml";
import { inside } from "./inside.ts";
import { secretsFound } from "./secrets.ts";

/** Two fresh machines with real Btrfs and a bucket, on this machine alone; see `lab.sh help`. */
export interface Lab {
  readonly id: string;
  /** The first three numbers of its /24. */
  readonly net: string;
  /** This lab's folder; `stop` removes it. */
  readonly dir: string;
  /** What HOME is for `devbackup`: `~/.ssh` holds the identity and known_hosts. */
  readonly home: string;
  /** For `ssh -F`: the machines by name, as root. */
  readonly sshConfig: string;
  /** Kept up to date when a machine is wiped and its host key changes. */
  readonly knownHosts: string;
  /** Opens root and dev on both machines. */
  readonly identity: string;
  readonly addresses: Readonly<Record<Machine | "s3" | "controller", string>>;
  readonly bucket: Bucket;

  /** Runs a POSIX sh script on a machine, as root unless `user` says otherwise; its cable may be out. 255 where it is off. */
  run(machine: Machine, script: string, options?: { user?: string; input?: string }): Promise<Result>;
  /** Like `run`; throws with all that it printed unless it exits with 0. Gives its stdout. */
  must(machine: Machine, script: string, options?: { user?: string; input?: string }): Promise<string>;
  /** Runs `bin/devbackup` of this checkout, off a terminal, with the bucket's credentials in its environment. */
  devbackup(args: readonly string[], options?: DevbackupOptions): Promise<Result>;
  /** Writes a desired state for both machines and the bucket, with `changes` laid over it; returns its folder. */
  desiredState(changes?: Changes): Promise<string>;

  /** A new machine under the same name: new root, new host key, empty Btrfs. */
  wipe(machine: Machine): Promise<void>;
  /** Ends every process of it at once; what was written stays. */
  kill(machine: Machine): Promise<void>;
  /** A power cut: the Btrfs keeps what had reached the disk. */
  crash(machine: Machine): Promise<void>;
  start(machine: Machine): Promise<void>;
  /** Unplugs the network cable. */
  cut(machine: Machine | "s3"): Promise<void>;
  heal(machine: Machine | "s3"): Promise<void>;
  /** Delays each way; all 0 takes it away. */
  netem(
    machine: Machine | "s3",
    delayMs: number,
    mbitPerSecond?: number,
    lossPercent?: number,
  ): Promise<void>;
  /** Lets nothing pass through its {@link netem} for so long; nothing is lost. */
  stall(host: Machine | "s3", forMs: number): Promise<void>;
  /** Leaves `free` (`20M`) of the machine's Btrfs. */
  fill(machine: Machine, free?: string): Promise<void>;
  unfill(machine: Machine): Promise<void>;
  /** Keeps what a program of ours has said, for the search that `stop` makes. */
  heard(text: string): void;
  /**
   * Takes it down; `all`: the guard route too, see `lab.sh help`.
   * @throws where a secret has turned up (see `secretsFound`), after it was taken down
   */
  stop(options?: { all?: boolean }): Promise<void>;
}

/** `ws` has Btrfs at /home, `ls` at /srv; on both there is a user `dev` with sudo. */
export type Machine = "ws" | "ls";

export interface Bucket {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  /** The folder of this machine in which the store keeps its bytes. */
  readonly dir: string;
  list(prefix?: string): Promise<readonly { readonly key: string; readonly sizeBytes: number }[]>;
  /** For whatever else a test does to the bucket behind the program's back. */
  client(): Promise<import("@aws-sdk/client-s3").S3Client>;
}

export interface Result {
  /** Undefined where a signal or the time limit ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DevbackupOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** Default: the lab's folder. */
  readonly cwd?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Lets it write where this process writes; the result then holds no text. */
  readonly show?: boolean;
}

/** Objects are laid over key by key; anything else replaces; undefined takes the key away. */
export type Changes = {
  readonly [key: string]: Changes | string | number | boolean | null | undefined | readonly unknown[];
};

export interface LabOptions {
  /** At most 6 characters; with another `net`, labs run side by side. Default LAB_ID, else `lab`. */
  readonly id?: string;
  /** The first three numbers of its /24. Default LAB_NET, else `10.77.0`. */
  readonly net?: string;
  /** `r2` is as strict as R2 and slow; `swift` is quick. */
  readonly store?: "r2" | "swift";
  /**
   * What is mounted of the machines' disks: the whole file system, without the times of readings; or a subvolume of it, with
   * them, as distributions do. Default LAB_DISK, else `top`.
   */
  readonly disk?: "top" | "subvolume";
  /** Leaves it all standing when the process ends without `stop`. */
  readonly keep?: boolean;
}

const ROOT = join(import.meta.dirname, "../..");
const LAB_SH = join(import.meta.dirname, "lab.sh");
const TSX = import.meta.resolve("tsx");
const BUCKET_START_MS = 240_000;

/** Why there can be no lab on this machine, or false: fits `{ skip: whyNoLab() }`. */
export function whyNoLab(): string | false {
  const check = spawnSync(LAB_SH, ["check"], { encoding: "utf8" });
  return check.status === 0 ? false : check.stderr.trim() || `${LAB_SH}: ${check.error?.message}`;
}

/** Builds the lab and the program afresh; a lab left over under the same id is taken down first. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const id = options.id ?? process.env.LAB_ID ?? "lab";
  const net = options.net ?? process.env.LAB_NET ?? "10.77.0";
  const addresses = { ws: `${net}.11`, ls: `${net}.12`, s3: `${net}.13`, controller: `${net}.1` };
  const env = { LAB_ID: id, LAB_NET: net, LAB_DISK: options.disk ?? process.env.LAB_DISK ?? "top" };
  const lab = async (...args: readonly (string | number)[]): Promise<string> => {
    const { stdout } = await execa(LAB_SH, args.map(String), {
      env,
      stdin: "ignore",
      stderr: ["inherit", "pipe"],
    });
    return stdout;
  };
  const down = () =>
    spawnSync(LAB_SH, ["down", "--all"], { env: { ...process.env, ...env }, stdio: "ignore" });
  const cancelDown = options.keep ? () => {} : atEnd(down);

  const built = execa("node", [join(ROOT, "scripts/build.mjs")], { stderr: "inherit" });
  await Promise.all([built, lab("down").then(() => lab("up"))]);
  const dir = await lab("dir");
  const bucket = await startBucket(dir, env, { store: options.store ?? "r2", host: addresses.s3 });
  const home = await makeHome(dir);
  const sshConfig = join(dir, "ssh_config");

  const heard = (text: string): void => appendFileSync(join(dir, "said"), text);

  const run: Lab["run"] = async (machine, script, { user = "root", input = "" } = {}) => {
    const there = await inside(id, machine, script, user);
    if (there === undefined) return { exitCode: 255, stdout: "", stderr: `${machine} is off` };
    return finished(there.program, there.args, { input });
  };

  return {
    id,
    net,
    dir,
    home,
    sshConfig,
    knownHosts: join(dir, "known_hosts"),
    identity: join(dir, "id"),
    addresses,
    bucket,
    run,
    must: async (machine, script, runOptions) => {
      const result = await run(machine, script, runOptions);
      if (result.exitCode === 0) return result.stdout;
      throw new Error(`${machine}: exit ${result.exitCode}\n${script}\n${result.stdout}${result.stderr}`);
    },
    heard,
    devbackup: async (
      args,
      { env: more = {}, input = "", cwd = dir, timeoutMs, signal, show = false } = {},
    ) => {
      const result = await finished(join(ROOT, "bin/devbackup"), withAnyLabel(args), {
        env: {
          HOME: home,
          XDG_STATE_HOME: join(dir, "state"),
          R2_ACCESS_KEY_ID: bucket.accessKeyId,
          R2_SECRET_ACCESS_KEY: bucket.secretAccessKey,
          ...more,
        },
        input,
        cwd,
        ...(show ? { stdout: "inherit", stderr: "inherit" } : {}),
        ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
        ...(signal === undefined ? {} : { cancelSignal: signal, forceKillAfterDelay: false }),
      });
      heard(result.stdout + result.stderr);
      return result;
    },
    desiredState: async (changes = {}) => {
      const folder = await mkdtemp(join(dir, "desired-state-"));
      const document = laidOver(desiredState({ dir, addresses, bucket }), changes);
      await writeFile(join(folder, "devbackup.yaml"), stringify(document));
      return folder;
    },
    wipe: async (machine) => void (await lab("wipe", machine)),
    kill: async (machine) => void (await lab("kill", machine)),
    crash: async (machine) => void (await lab("crash", machine)),
    start: async (machine) => void (await lab("start", machine)),
    cut: async (host) => void (await lab("cut", host)),
    heal: async (host) => void (await lab("heal", host)),
    netem: async (host, delayMs, mbitPerSecond = 0, lossPercent = 0) =>
      void (await lab("netem", host, delayMs, mbitPerSecond, lossPercent)),
    stall: async (host, forMs) => {
      await lab("stall", host);
      await sleep(forMs);
      await lab("flow", host);
    },
    fill: async (machine, free = "20M") => void (await lab("fill", machine, free)),
    unfill: async (machine) => void (await lab("unfill", machine)),
    stop: async ({ all = false } = {}) => {
      const found = await secretsFound({ id, dir, home, bucket });
      await lab("down", ...(all ? ["--all"] : []));
      cancelDown();
      if (found.length > 0) throw new Error(`a secret has turned up:\n${found.join("\n")}`);
    },
  };
}

/** The labels of tests are made up, and few of them near the calendar: that is approved here, once for all. */
export const withAnyLabel = (args: readonly string[]): readonly string[] =>
  args[0] === "apply" ? [...args, "--approve", "snapshot"] : args;

/** Any exit is an answer; only what could not be started at all throws. */
async function finished(program: string, args: readonly string[], options: Options): Promise<Result> {
  const result = await execa(program, args, { ...options, reject: false, stripFinalNewline: false });
  if (result.code === "ENOENT" || result.code === "EACCES") throw new Error(`${program}: ${result.code}`);
  const { exitCode, stdout, stderr } = result;
  return { exitCode, stdout: String(stdout ?? ""), stderr: String(stderr ?? "") };
}

/** HOME of the program: the identity and the known hosts where a user has them. */
async function makeHome(dir: string): Promise<string> {
  const ssh = join(dir, "home/.ssh");
  await mkdir(ssh, { recursive: true, mode: 0o700 });
  await symlink(join(dir, "id"), join(ssh, "id_ed25519"));
  await symlink(join(dir, "known_hosts"), join(ssh, "known_hosts"));
  return join(dir, "home");
}

async function startBucket(
  dir: string,
  env: Record<string, string>,
  { store, host }: { store: "r2" | "swift"; host: string },
): Promise<Bucket> {
  const file = join(dir, "bucket.json");
  const objects = join(dir, "bucket");
  await mkdir(objects);
  const log = await open(join(dir, "bucket.log"), "w");
  // it runs in a session of its own, so that Ctrl-C does not reach it, until `lab.sh down` ends it
  const server = spawn(
    LAB_SH,
    [
      "in",
      "s3",
      process.execPath,
      "--import",
      TSX,
      join(import.meta.dirname, "bucket.ts"),
      file,
      store,
    ].concat(JSON.stringify({ host, port: 9000, dir: objects, buckets: ["dev-backups"] })),
    { env: { ...process.env, ...env }, detached: true, stdio: ["ignore", log.fd, log.fd] },
  );
  server.unref();
  for (const start = Date.now(); !existsSync(file); await sleep(50)) {
    if (server.exitCode === null && Date.now() - start < BUCKET_START_MS) continue;
    throw new Error(`the bucket did not come up:\n${await readFile(join(dir, "bucket.log"), "utf8")}`);
  }
  await log.close();

  const reached: Omit<Bucket, "dir" | "client" | "list"> = JSON.parse(await readFile(file, "utf8"));
  const { accessKeyId, secretAccessKey, endpoint, region } = reached;
  const client = async () => {
    const { S3Client } = await import("@aws-sdk/client-s3");
    return new S3Client({
      endpoint,
      region,
      credentials: { accessKeyId, secretAccessKey },
      forcePathStyle: true,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
  };
  return {
    ...reached,
    dir: objects,
    client,
    list: async (prefix = "") => {
      const { paginateListObjectsV2 } = await import("@aws-sdk/client-s3");
      const pages = paginateListObjectsV2(
        { client: await client() },
        { Bucket: reached.bucket, Prefix: prefix },
      );
      const objectsFound = [];
      for await (const page of pages) objectsFound.push(...(page.Contents ?? []));
      return objectsFound.map(({ Key, Size }) => ({ key: Key ?? "", sizeBytes: Size ?? 0 }));
    },
  };
}

function desiredState({ dir, addresses, bucket }: Pick<Lab, "dir" | "addresses" | "bucket">): Changes {
  const reach = (machine: Machine): Changes => ({
    connection: "ssh",
    address: addresses[machine],
    user: "dev",
    identity_file: join(dir, "id"),
    known_hosts: join(dir, "known_hosts"),
    become: "sudo",
  });
  return {
    version: 1,
    hosts: { ws: { role: "workstation", ...reach("ws") }, ls: { role: "server", ...reach("ls") } },
    datasets: {
      dev: {
        path: "/home/dev/code",
        snapshots: "/home/dev/snapshots",
        owner: "dev",
        repository: "/srv/btrfs-backups/dev",
        working_copy: "/srv/work/dev",
        retention: { workstation_snapshots: "all", server_snapshots: "all" },
      },
    },
    cloud: {
      endpoint: bucket.endpoint,
      bucket: bucket.bucket,
      region: bucket.region,
      access_key_id: { env: "R2_ACCESS_KEY_ID" },
      secret_access_key: { env: "R2_SECRET_ACCESS_KEY" },
    },
  };
}

function laidOver(base: Changes, changes: Changes): Changes {
  const merged: Record<string, Changes[string]> = { ...base };
  for (const [key, change] of Object.entries(changes)) {
    const before = merged[key];
    if (change === undefined) delete merged[key];
    else merged[key] = isObject(before) && isObject(change) ? laidOver(before, change) : change;
  }
  return merged;
}

const isObject = (value: Changes[string]): value is Changes =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Runs `cleanUp` when this process ends without having cancelled it, by itself or by a signal. */
function atEnd(cleanUp: () => void): () => void {
  const bySignal = (signal: NodeJS.Signals) => process.exit(128 + constants.signals[signal]);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  process.once("exit", cleanUp);
  for (const signal of signals) process.once(signal, bySignal);
  return () => {
    process.removeListener("exit", cleanUp);
    for (const signal of signals) process.removeListener(signal, bySignal);
  };
}
