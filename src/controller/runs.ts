import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { recordIn } from "../domain/json.ts";
import { type StatePlace, stateFolder } from "./memory.ts";

/**
 * A run as it is known while it goes on: so that one that was killed, or went down with the machine, is told of by
 * systemd's next step, or by the next run.
 */
export interface RunRecord {
  /** A UUID. */
  readonly id: string;
  readonly what: RunKind;
  readonly command: string;
  readonly who: string;
  readonly begunAt: string;
  /** Of the desired state: others on this machine tell others. */
  readonly files: readonly string[];
  /** Whether it was asked for everything, so that monitors hear of it. */
  readonly whole: boolean;
  /** Of the process, and of the start of the machine: numbers of processes come again. */
  readonly process: ProcessId;
  /** Which start of a systemd unit it belongs to; null for none (systemd.exec(5), $INVOCATION_ID). */
  readonly invocation: string | null;
  /** Null until its end has been told. */
  readonly exitCode: number | null;
}

const RUN_KINDS = ["apply", "verify", "drill"] as const;
export type RunKind = (typeof RUN_KINDS)[number];

export interface ProcessId {
  readonly pid: number;
  readonly bootId: string;
  /** In clock ticks since then. */
  readonly startedAt: string;
}

export interface Runs {
  readonly write: (record: RunRecord) => Promise<void>;
  readonly forget: (id: string) => Promise<void>;
  /** Where the record of a run stands. */
  readonly fileOf: (id: string) => string;
  /** Of these files of a desired state. What can't be read is passed over. */
  readonly all: (files: readonly string[]) => Promise<readonly RunRecord[]>;
  /**
   * What people were last told to be wrong, by runs of this kind: a good one of another kind mends nothing of it. Null where
   * they were told that nothing is, or nothing yet.
   */
  readonly lastWrong: (files: readonly string[], what: RunKind) => Promise<Wrong | null>;
  readonly noteWrong: (files: readonly string[], what: RunKind, wrong: Wrong | null) => Promise<void>;
}

export interface Wrong {
  /** The same for the same trouble. */
  readonly what: string;
  /** RFC 3339, UTC. */
  readonly at: string;
}

/** `${XDG_STATE_HOME:-~/.local/state}/devbackup/runs/`. */
export function openRuns(place: StatePlace): Runs {
  const folder = join(stateFolder(place), "runs");
  const fileOf = (id: string): string => join(folder, `${id}.json`);
  const wrongFile = (files: readonly string[], what: RunKind): string =>
    join(
      folder,
      `wrong-${what}-${createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 12)}`,
    );
  const write = async (file: string, value: object): Promise<void> => {
    const made = `${file}.${process.pid}.new`;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(made, `${JSON.stringify({ formatVersion: 1, ...value })}\n`, {
      mode: 0o600,
      flush: true,
    });
    await rename(made, file);
  };
  return {
    fileOf,
    write: (record) => write(fileOf(record.id), record),
    forget: (id) => rm(fileOf(id), { force: true }),
    lastWrong: (files, what) => readFile(wrongFile(files, what), "utf8").then(parseWrong, () => null),
    noteWrong: (files, what, wrong) =>
      wrong === null ? rm(wrongFile(files, what), { force: true }) : write(wrongFile(files, what), wrong),
    all: async (files) => {
      const names = await readdir(folder).catch(() => []);
      const read = names
        .filter((name) => name.endsWith(".json"))
        .map((name) => readFile(join(folder, name), "utf8").then(parseRecord, () => null));
      return (await Promise.all(read)).filter(
        (record) => record !== null && JSON.stringify(record.files) === JSON.stringify(files),
      ) as RunRecord[];
    },
  };
}

/** Of this process. */
export async function ownProcess(): Promise<ProcessId> {
  const { pid } = process;
  return { pid, bootId: await bootId(), startedAt: (await startOf(pid)) ?? "" };
}

/** Whether the process that made it is gone. */
export async function isGone({ pid, bootId: boot, startedAt }: ProcessId): Promise<boolean> {
  return boot !== (await bootId()) || (await startOf(pid)) !== startedAt;
}

const bootId = (): Promise<string> =>
  readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
    (text) => text.trim(),
    () => "",
  );

/** Field 22 of proc_pid_stat(5); the name before it may hold spaces and brackets. Null where there is no such process. */
const startOf = (pid: number): Promise<string | null> =>
  readFile(`/proc/${pid}/stat`, "utf8").then(
    (stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null,
    () => null,
  );

function parseWrong(text: string): Wrong | null {
  const { what, at } = recordIn(text) ?? {};
  return typeof what === "string" && typeof at === "string" && !Number.isNaN(Date.parse(at))
    ? { what, at }
    : null;
}

function parseRecord(text: string): RunRecord | null {
  try {
    const record = JSON.parse(text) as Record<string, unknown> & RunRecord;
    const { formatVersion, id, command, who, begunAt, process, exitCode } = record;
    const words = [id, command, who, begunAt, process.bootId, process.startedAt];
    const whole =
      formatVersion === 1 &&
      words.every((word) => typeof word === "string") &&
      RUN_KINDS.includes(record.what) &&
      !Number.isNaN(Date.parse(begunAt)) &&
      Number.isSafeInteger(process.pid) &&
      (exitCode === null || Number.isSafeInteger(exitCode)) &&
      /^[0-9a-f-]{36}$/.test(id);
    return whole ? record : null;
  } catch {
    return null;
  }
}
