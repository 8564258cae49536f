import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { execa } from "execa";
import type { DesiredState } from "../../src/desired-state/desired-state.ts";
import type { Label } from "../../src/domain/label.ts";
import { parseSigner, type Signer } from "../../src/domain/names.ts";
import { rescueKit, writeKit } from "../../src/rescue/kit.ts";
import { settingsFor } from "../../src/rescue/settings.ts";
import { DATASETS, desiredBy, HOSTS } from "../desired-state/states.ts";
import type { S3Server } from "../lab/s3/servers.ts";

/** What the scripts are run with: the shell, and whose awk, sed, stat and the rest. */
export type Shell = "dash" | "busybox";

/** What a server has that was backed up, made by age and ssh-keygen alone; the artifacts are random bytes. */
export interface Fabricated {
  /** Holds everything; `remove` takes it away. */
  readonly dir: string;
  /** Laid out as the bucket is below `PREFIX/NAME/`. */
  readonly origin: string;
  readonly identity: string;
  /** `ssh-ed25519 AAAA…`, and its fingerprint. */
  readonly signer: Signer;
  readonly fingerprint: string;
  readonly rows: readonly Row[];
  /** Encrypts `text` to the server's key, signs it with `key`, and puts both into the origin. */
  publish(text: string, how?: { readonly key?: string; readonly options?: readonly string[] }): Promise<void>;
  /** Encrypts an escrow with that key pair in it, to the recovery recipient. */
  escrow(signKey: string): Promise<void>;
  newSignKey(name: string): Promise<string>;
  remove(): Promise<void>;
}

export interface Row {
  readonly label: string;
  readonly parent: string;
  readonly path: string;
  readonly bytes: Buffer;
}

/** Why the scripts cannot be run here, or false. */
export function whyNoShell(shell: Shell): string | false {
  const programs = ["age", "openssl", "ssh-keygen", "curl", shell];
  const missing = programs.filter((name) => !existsSync(`/usr/bin/${name}`) && !existsSync(`/bin/${name}`));
  return missing.length > 0 && `not installed: ${missing.join(", ")}`;
}

/** Two chains: the first of two, the second of three artifacts. */
const LABELS = ["2026-01 -", "2026-02 2026-01", "2026-03 -", "2026-04 2026-03", "2026-05 2026-04"];
const HEADER = "ts\tlabel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key";
const ARTIFACT_BYTES = 300_000;

export async function fabricate(): Promise<Fabricated> {
  const dir = await mkdtemp(join(tmpdir(), "devbackup-rescue-"));
  const at = (...names: string[]) => join(dir, ...names);
  const origin = at("origin/dev");
  for (const folder of ["artifacts/anchors", "artifacts/incr", "manifests", "keys"])
    await mkdir(join(origin, folder), { recursive: true });
  await execa("age-keygen", ["-o", at("identity")]);
  await execa("age-keygen", ["-o", at("backup.key")]);
  const recipientOf = async (file: string) => (await execa("age-keygen", ["-y", at(file)])).stdout;
  const [recovery, backup] = [await recipientOf("identity"), await recipientOf("backup.key")];

  const newSignKey = async (name: string): Promise<string> => {
    await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "devbackup dev", "-f", at(name)]);
    return at(name);
  };
  const signKey = await newSignKey("sign");
  const publicHalf = await readFile(`${signKey}.pub`, "utf8");
  const { stdout: fingerprinted } = await execa("ssh-keygen", ["-lf", `${signKey}.pub`]);

  const rows = LABELS.map((line): Row => {
    const [label = "", parent = ""] = line.split(" ");
    const file = parent === "-" ? `anchors/dev@${label}.full` : `incr/dev@${label}.incr.from_${parent}`;
    return { label, parent, path: `artifacts/${file}.send.zst.age`, bytes: randomBytes(ARTIFACT_BYTES) };
  });
  for (const row of rows) await writeFile(join(origin, row.path), row.bytes);

  const fabricated: Fabricated = {
    dir,
    origin,
    identity: at("identity"),
    signer: parseSigner(publicHalf.trimEnd()) ?? assert.fail(publicHalf),
    fingerprint: /SHA256:\S+/.exec(fingerprinted)?.[0] ?? "",
    rows,
    publish: async (text, { key = signKey, options = [] } = {}) => {
      const sign = ["-Y", "sign", "-n", "devbackup-manifest", "-f", key, ...options];
      const signature = async (input: string) => (await execa("ssh-keygen", sign, { input })).stdout;
      // of the newest manifest, and of the one pushed before it
      const blocks = [await signature(text), await signature(`${HEADER}\n`)].join("\n");
      await writeFile(join(origin, "manifests/snapshots_v2.tsv.sig"), `${blocks}\n`);
      const recipients = ["-r", backup, "-r", recovery];
      const target = join(origin, "manifests/snapshots_v2.tsv.age");
      await execa("age", [...recipients, "-o", target], { input: text });
    },
    escrow: async (key) => {
      const files = { "backup.key": at("backup.key"), "sign.key": key, "sign.pub": `${key}.pub` };
      const parts = Object.entries(files).map(async ([name, file]) => {
        const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
        return [`file ls_dev_${name}`, ...lines.map((line) => `| ${line}`)].join("\n");
      });
      const text = [
        "devbackup-escrow 1",
        "dataset dev",
        "made 2026-05-01T03:00:00Z",
        ...(await Promise.all(parts)),
      ];
      const input = `${text.join("\n")}\nend\n`;
      await execa("age", ["-r", recovery, "-o", join(origin, "keys/escrow.age")], { input });
    },
    newSignKey,
    remove: () => rm(dir, { recursive: true, force: true }),
  };
  await fabricated.escrow(signKey);
  await fabricated.publish(manifestText(rows));
  return fabricated;
}

export const manifestText = (rows: readonly Row[]): string => {
  const lines = rows.map(({ label, parent, path, bytes }) => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const kind = parent === "-" ? "full" : "incr";
    return ["2026-01-31T03:00:00Z", label, kind, parent, bytes.length, sha256, path, `dev/${path}`].join(
      "\t",
    );
  });
  return `${[HEADER, ...lines].join("\n")}\n`;
};

/** Puts files of the origin into the bucket, below `prefix`. */
export async function send(
  { origin }: Fabricated,
  server: S3Server,
  prefix: string,
  paths: readonly string[],
): Promise<void> {
  const client = new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  for (const path of paths) {
    const object = {
      Bucket: server.bucket,
      Key: `${prefix}dev/${path}`,
      Body: await readFile(join(origin, path)),
    };
    await client.send(new PutObjectCommand(object));
  }
  client.destroy();
}

/** A kit on a machine that has nothing else: its own repository, its own folder for what it runs. */
export interface Machine {
  readonly repository: string;
  readonly kit: string;
  /** What curl was called with, so far. */
  curlArgv(): Promise<string>;
  run(
    script: string,
    args?: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<{ exitCode: number | undefined; said: string }>;
}

const BUSYBOX_TOOLS =
  "awk cat chmod cmp cp cut date df dirname grep head id mkdir mktemp mv rm sed stat stty sync tail tr";

export async function machine(
  fabricated: Fabricated,
  shell: Shell,
  given: { readonly signer: Signer | null; readonly newest?: Label; readonly cloud?: DesiredState["cloud"] },
): Promise<Machine> {
  const dir = await mkdtemp(join(fabricated.dir, "machine-"));
  const repository = join(dir, "it's a repository");
  const dataset = DATASETS.replace("/srv/backups/dev", JSON.stringify(repository));
  const desired = { ...desiredBy(`version: 1\n${HOSTS}${dataset}`), cloud: given.cloud ?? null };
  const [spec] = desired.datasets;
  if (spec === undefined) throw new RangeError("no dataset");
  const kit = join(dir, "kit");
  writeKit(
    kit,
    rescueKit(settingsFor(desired, spec, { newest: null, ...given }), new Date("2026-05-02T00:00:00Z")),
  );
  const bin = join(dir, "bin");
  await mkdir(bin);
  // whatever is passed to curl is looked at: secrets may not be in it
  await writeFile(join(bin, "curl"), `#!/bin/sh\necho "$@" >>'${dir}/curl.argv'\nexec /usr/bin/curl "$@"\n`);
  await chmod(join(bin, "curl"), 0o755);
  if (shell === "busybox")
    for (const tool of BUSYBOX_TOOLS.split(" ")) await symlink("/bin/busybox", join(bin, tool));
  return {
    repository,
    kit,
    curlArgv: () => readFile(join(dir, "curl.argv"), "utf8"),
    run: async (script, args = [], env = {}) => {
      const argv = shell === "busybox" ? ["/bin/busybox", "sh"] : ["/bin/dash"];
      const [program = "", ...before] = [...argv, join(kit, script), ...args];
      const result = await execa(program, before, {
        all: true,
        reject: false,
        stdin: "ignore",
        cwd: dirname(dir),
        extendEnv: false,
        env: { PATH: `${bin}:/usr/sbin:/usr/bin:/sbin:/bin`, ...env },
      });
      return { exitCode: result.exitCode, said: result.all ?? "" };
    },
  };
}
