import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../domain/fact.ts";
import { parseLabel } from "../domain/label.ts";
import type { Memory, NewestSeen, Seen } from "../domain/memory.ts";
import { parseSha256, parseSigner, type Sha256 } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";

/**
 * Where the controller keeps what it remembers of a dataset: below `$XDG_STATE_HOME` (XDG Base Directory
 * Specification), by the bucket that it goes to, or without one by the server and the repository.
 */
export function memoryFolder(desired: DesiredState, spec: DatasetSpec, env: NodeJS.ProcessEnv): string {
  const { cloud, hosts } = desired;
  const connection = hosts.get(spec.server)?.connection;
  const address = connection?.kind === "ssh" ? connection.address : "local";
  const place =
    cloud === null ? `${address}${spec.repository}` : [cloud.endpoint, cloud.bucket, cloud.prefix].join("/");
  // the specification wants relative paths ignored
  const state = env.XDG_STATE_HOME?.startsWith("/") ? env.XDG_STATE_HOME : join(homedir(), ".local/state");
  return join(state, "devbackup", `${spec.name}-${sha256Of(place).slice(0, 12)}`);
}

/** What is remembered in `folder`; nothing where there is no such folder. Unknown where it cannot be read. */
export async function readMemory(folder: string): Promise<Fact<Memory>> {
  try {
    const [text, escrow] = await Promise.all([
      readIfThere(join(folder, SEEN)),
      readIfThere(join(folder, ESCROW)),
    ]);
    const seen = text === undefined ? NOTHING : parseSeen(text.toString("utf8"));
    if (seen === undefined) return unknown(`${join(folder, SEEN)} is damaged`);
    return known({ ...seen, escrowSha256: escrow === undefined ? null : sha256Of(escrow), folder });
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

/** Replaces what is remembered as seen, in one step. @throws DevbackupError `memory-unwritten` */
export const writeSeen = (folder: string, { signer, newest }: Seen): Promise<void> =>
  writeFile(folder, SEEN, `${JSON.stringify({ formatVersion: 1, signer, newest }, null, 2)}\n`);

/** The copy of the escrow that lies here; undefined where there is none. */
export const readEscrow = (folder: string): Promise<Uint8Array | undefined> =>
  readIfThere(join(folder, ESCROW));

/**
 * Keeps a copy of the escrow. The one before it stays beside it: where the server had been set up anew, it may be the
 * last that opens the older artifacts.
 * @throws DevbackupError `memory-unwritten`
 */
export async function keepEscrow(folder: string, bytes: Uint8Array): Promise<void> {
  const before = await readEscrow(folder);
  if (before !== undefined && sha256Of(before) !== sha256Of(bytes)) await writeFile(folder, FORMER, before);
  await writeFile(folder, ESCROW, bytes);
}

const SEEN = "seen.json";
const ESCROW = "escrow.age";
const FORMER = "escrow.before.age";
const NOTHING: Seen = { signer: null, newest: null };

function parseSeen(text: string): Seen | undefined {
  try {
    const { formatVersion, signer, newest } = JSON.parse(text) as Record<string, unknown>;
    if (formatVersion !== 1) return undefined;
    const by = signer === null ? null : parseSigner(String(signer));
    const row = newest === null ? null : parseNewest(newest);
    return by === undefined || row === undefined ? undefined : { signer: by, newest: row };
  } catch {
    return undefined;
  }
}

function parseNewest(value: unknown): NewestSeen | undefined {
  const { label, ts, manifestSha256 } = value as Record<string, unknown>;
  const parsed = { label: parseLabel(String(label)), sha256: parseSha256(String(manifestSha256)) };
  return parsed.label === undefined || parsed.sha256 === undefined || typeof ts !== "string"
    ? undefined
    : { label: parsed.label, ts, manifestSha256: parsed.sha256 };
}

async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function writeFile(folder: string, name: string, contents: string | Uint8Array): Promise<void> {
  const file = join(folder, name);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(`${file}.new`, "w", 0o600);
    try {
      await handle.writeFile(contents);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
    const directory = await open(folder, "r");
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    throw new DevbackupError({
      code: "memory-unwritten",
      exitCode: 1,
      what: `${file} on this machine could not be written`,
      why: error instanceof Error ? error.message : String(error),
      state: "What was done on the hosts stays; it is safe to run again",
      next: "put that right, then: devbackup apply",
    });
  }
}

const sha256Of = (bytes: string | Uint8Array): Sha256 =>
  createHash("sha256").update(bytes).digest("hex") as Sha256;
