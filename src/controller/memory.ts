import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../domain/fact.ts";
import { asRecord, recordIn } from "../domain/json.ts";
import { parseLabel } from "../domain/label.ts";
import { type Memory, type NewestSeen, rememberAllowed, type Seen } from "../domain/memory.ts";
import { parseSha256, parseSigner, type Sha256, type Signer } from "../domain/names.ts";
import { AGAIN, DevbackupError } from "../domain/trouble.ts";

/** Where this machine keeps what it has seen of one dataset. */
export interface MemoryPlace {
  readonly folder: string;
}

/** Of the user that devbackup runs as. */
export interface StatePlace {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
}

const SEEN = "seen.json";
const ESCROW = "escrow.age";
/** By its hash: where the newest copy had been damaged, it must not take the place of one that opens older artifacts. */
const formerEscrow = (bytes: Uint8Array): string => `escrow.before-${sha256Of(bytes).slice(0, 12)}.age`;
const NOTHING: Seen = { signer: null, newest: null };

/**
 * `NAME-HEX12` in the {@link stateFolder}, one for each dataset and the place that its backups go to: two desired states
 * may well give one name to different datasets.
 */
export function memoryPlace(
  spec: DatasetSpec,
  { cloud, hosts }: Pick<DesiredState, "cloud" | "hosts">,
  { home, env }: StatePlace,
): MemoryPlace {
  const server = hosts.get(spec.server)?.connection;
  const address = server?.kind === "ssh" ? server.address : "local";
  const place =
    cloud === null ? `${address}${spec.repository}` : `${cloud.endpoint}/${cloud.bucket}/${cloud.prefix}`;
  return { folder: join(stateFolder({ home, env }), `${spec.name}-${sha256Of(place).slice(0, 12)}`) };
}

/** `${XDG_STATE_HOME:-~/.local/state}/devbackup` (XDG Base Directory Specification). */
export function stateFolder({ home, env }: StatePlace): string {
  // the specification wants relative paths ignored
  const state = env.XDG_STATE_HOME?.startsWith("/") ? env.XDG_STATE_HOME : join(home, ".local/state");
  return join(state, "devbackup");
}

/** What was remembered; unknown where it is there and can't be read. Never absent: nothing seen is known, too. */
export async function recall({ folder }: MemoryPlace): Promise<Fact<Memory>> {
  try {
    const [text, escrow] = await Promise.all([read(folder, SEEN), read(folder, ESCROW)]);
    const seen = text === null ? NOTHING : parseSeen(text.toString("utf8"));
    if (seen === undefined) return unknown(`${join(folder, SEEN)} is damaged`);
    return known({ ...seen, escrowSha256: escrow === null ? null : sha256Of(escrow), folder });
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

/** Where the copy of the escrow lies here, or would. */
export const escrowPath = ({ folder }: MemoryPlace): string => join(folder, ESCROW);

/** The copy of the escrow that lies here, or null. */
export const escrowHere = ({ folder }: MemoryPlace): Promise<Uint8Array | null> => read(folder, ESCROW);

/** Replaces what was seen, in one step. @throws DevbackupError `memory-unwritten` */
export const keepSeen = (place: MemoryPlace, { signer, newest }: Seen): Promise<void> =>
  write(place, SEEN, `${JSON.stringify({ formatVersion: 1, signer, newest }, null, 2)}\n`);

/** Remembers a signer from now on; the newest manifest seen stays what it was. @throws DevbackupError `memory-unwritten` */
export async function keepSigner(place: MemoryPlace, signer: Signer): Promise<void> {
  await keepSeen(place, { ...(await seenAt(place)), signer });
}

/** Remembers what the user has let through, whatever was seen before. @throws DevbackupError `memory-unwritten` */
export async function keepAllowed(
  place: MemoryPlace,
  allowed: Parameters<typeof rememberAllowed>[1],
): Promise<void> {
  await keepSeen(place, rememberAllowed(await seenAt(place), allowed));
}

async function seenAt(place: MemoryPlace): Promise<Seen> {
  const seen = await recall(place);
  return seen.kind === "known" ? seen.value : NOTHING;
}

/**
 * Keeps a copy of the escrow. Those before it stay beside it: where the server had been set up anew, one of them may
 * be the last that opens the older artifacts.
 * @throws DevbackupError `memory-unwritten`
 */
export async function keepEscrow(place: MemoryPlace, bytes: Uint8Array): Promise<void> {
  const before = await escrowHere(place);
  if (before !== null && sha256Of(before) !== sha256Of(bytes))
    await write(place, formerEscrow(before), before);
  await write(place, ESCROW, bytes);
}

async function read(folder: string, name: string): Promise<Buffer | null> {
  try {
    return await readFile(join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function write({ folder }: MemoryPlace, name: string, contents: string | Uint8Array): Promise<void> {
  const path = join(folder, name);
  // two runs may well end at once
  const made = `${path}.${process.pid}.new`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(made, "w", 0o600);
    try {
      await file.writeFile(contents);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(made, path);
    const directory = await open(folder, "r");
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    await rm(made, { force: true }).catch(() => undefined);
    throw new DevbackupError({
      code: "memory-unwritten",
      exitCode: 1,
      what: `${path} on this machine could not be written`,
      why: error instanceof Error ? error.message : String(error),
      state: "What was done on the hosts stays; it is safe to run again",
      next: `put that right, then: ${AGAIN}`,
    });
  }
}

function parseSeen(text: string): Seen | undefined {
  const { formatVersion, signer, newest } = recordIn(text) ?? {};
  if (formatVersion !== 1) return undefined;
  const by = signer === null ? null : parseSigner(String(signer));
  const row = newest === null ? null : parseNewest(newest);
  return by === undefined || row === undefined ? undefined : { signer: by, newest: row };
}

function parseNewest(value: unknown): NewestSeen | undefined {
  const { label, ts, manifestSha256 } = asRecord(value) ?? {};
  const [at, sha256] = [parseLabel(String(label)), parseSha256(String(manifestSha256))];
  return at === undefined || sha256 === undefined || typeof ts !== "string"
    ? undefined
    : { label: at, ts, manifestSha256: sha256 };
}

const sha256Of = (bytes: string | Uint8Array): Sha256 =>
  createHash("sha256").update(bytes).digest("hex") as Sha256;
