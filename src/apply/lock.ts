import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { type AbsolutePath, parentOf } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Host, RunningCommand } from "../transport/host.ts";
import { sh } from "../transport/quote.ts";

/** Who holds a lock, as the one that is refused is told. */
export interface Holder {
  /** `chuck@laptop`. */
  readonly who: string;
  /** Of the controller. */
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
}

export interface Lock {
  /** Throws where the process that holds it, or the link to it, is gone. */
  assertHeld(): void;
  release(): Promise<void>;
}

const HEARTBEAT_MS = 10_000;
const PATIENCE_S = 60;

/**
 * Takes the dataset's lock: flock(1) held by a process on the server that lives as long as the controller
 * sends it a newline now and then. Killed, cut off or without power, the controller loses it within a minute.
 * @throws DevbackupError `locked`, exit code 3, with who holds it since when
 */
export async function takeLock(host: Host, { name, repository }: DatasetSpec, holder: Holder): Promise<Lock> {
  const command = await host.start(lockScript(repository, JSON.stringify(holder)), {
    heartbeatMs: HEARTBEAT_MS,
  });
  const line = await command.firstLine;
  if (line !== "held") {
    await command.stop();
    const { stderr } = await command.ended;
    throw line?.startsWith("busy ")
      ? locked(host, name, line.slice("busy ".length))
      : noLock(host, name, stderr);
  }
  return { assertHeld: () => assertAlive(command, host, name), release: () => command.stop() };
}

function assertAlive(command: RunningCommand, host: Host, dataset: string): void {
  if (command.alive()) return;
  throw new DevbackupError({
    code: "lock-lost",
    exitCode: 4,
    host: host.name,
    what: `the lock of ${dataset} is gone: its holder there, or the link to it, has ended`,
    state: "No further action was begun; it is safe to run again",
    next: "devbackup apply",
  });
}

function locked(host: Host, dataset: string, holder: string): DevbackupError {
  return new DevbackupError({
    code: "locked",
    exitCode: 3,
    host: host.name,
    what: `another apply works on ${dataset}`,
    why: describe(holder),
    state: "Nothing was changed",
    next: "wait for it to end, then: devbackup apply",
  });
}

function describe(holder: string): string {
  try {
    const { who, pid, since } = JSON.parse(holder) as Partial<Holder>;
    return `held by ${who}, process ${pid}, since ${since}`;
  } catch {
    return "its holder has not said yet who it is";
  }
}

const noLock = (host: Host, dataset: string, stderr: string): DevbackupError =>
  new DevbackupError({
    code: "lock-failed",
    exitCode: 1,
    host: host.name,
    what: `the lock of ${dataset} could not be taken`,
    why: stderr.trim(),
    state: "Nothing was changed",
    next: "devbackup apply",
  });

/**
 * The folders above the repository are everybody's to walk through. Children must not inherit the lock's
 * descriptor: one that outlives this shell would keep the lock.
 */
const lockScript = (repository: AbsolutePath, holder: string): string => sh`
mkdir -p ${parentOf(repository)} || exit 1
umask 027
d=${`${repository}/locks`}
mkdir -p "$d" || exit 1
exec 9>>"$d/apply.lock" || exit 1
if ! flock -n 9; then echo "busy $(head -n 1 "$d/apply.lock")"; exit 0; fi
printf '%s\n' ${holder} >"$d/apply.lock" || exit 1
echo held
while timeout ${PATIENCE_S} sh -c 'IFS= read -r beat' 9>&-; do :; done
: >"$d/apply.lock"`;
