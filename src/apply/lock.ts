import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { AbsolutePath, DatasetName } from "../domain/names.ts";
import { AGAIN, DevbackupError } from "../domain/trouble.ts";
import { fenced, fencePreface } from "../transport/fence.ts";
import type { Host, RunningCommand } from "../transport/host.ts";
import { BALLAST_FILE, lockFolder, takeLockScript } from "../transport/lock-script.ts";
import { sh } from "../transport/quote.ts";
import { type Holder, locked, stillAtWork } from "./locked.ts";
import { mendDisk } from "./mend-disk.ts";

export interface Lock {
  readonly dataset: DatasetName;
  /** Throws where the process that holds it, or the link to it, is gone, or has not answered for too long. */
  assertHeld(): void;
  /** `host` as this run may use it from now on: see {@link fenced}. */
  fenced(host: Host): Host;
  release(): Promise<void>;
}

/** Of a host that says nothing of its own: four times 15 s, as of a link. */
const LINK_PATIENCE_MS = 60_000;

/**
 * How long the lock waits for a word of its holder: a third longer than a link may be silent, so that a holder that
 * is cut off gives up before another one begins. The usual minute makes 80 s.
 */
const patienceSeconds = ({ patienceMs = LINK_PATIENCE_MS }: Host): number =>
  Math.min(600, Math.max(6, Math.ceil((patienceMs * 4) / 3000)));

/**
 * Takes the dataset's lock: flock(1) held by a process on the server that lives as long as the controller sends it a
 * newline now and then. Each is answered, and what is not answered in time counts as lost here too: a controller that
 * was stopped, or slept, does nothing more when it wakes. Killed, cut off or without power, it loses the lock within
 * 80 s.
 * @throws DevbackupError `locked`, exit code 3, with who holds it since when
 */
export async function takeLock(host: Host, spec: DatasetSpec, holder: Holder): Promise<Lock> {
  const { name, repository } = spec;
  const token = JSON.stringify(holder);
  const patience = patienceSeconds(host);
  const command = await host.start(lockScript(repository, token, patience), {
    heartbeatMs: (patience * 1000) / 6,
  });
  const line = await command.firstLine;
  if (line !== "held") {
    await command.stop();
    const { stderr } = await command.ended;
    throw (
      locked(host.name, name, line ?? "", holder) ??
      stillAtWork(host.name, name, line ?? "") ??
      noLock(host, name, stderr)
    );
  }
  const assertHeld = () => assertAlive(command, host, name, patience);
  const fence = (preface: string) => ({
    preface,
    assertHeld,
    fencedOff: () => lost(host, name, "it was given to another run meanwhile"),
  });
  return {
    dataset: name,
    assertHeld,
    fenced: (other) =>
      fenced(other, fence(other.name === spec.server ? fencePreface(lockFolder(repository), token) : "")),
    release: () => command.stop(),
  };
}

function assertAlive(command: RunningCommand, host: Host, dataset: DatasetName, patience: number): void {
  if (!command.alive()) throw lost(host, dataset, "its holder there, or the link to it, has ended");
  if (command.silentMs() >= patience * 1000)
    throw lost(
      host,
      dataset,
      `nothing was heard of its holder there for ${patience} s: this program was stopped, this machine slept, or the link stood still`,
    );
}

const lost = (host: Host, dataset: DatasetName, why: string): DevbackupError =>
  new DevbackupError({
    code: "lock-lost",
    exitCode: 4,
    host: host.name,
    what: `the lock of ${dataset} is gone`,
    why,
    state: "No further action was begun; it is safe to run again",
    next: AGAIN,
  });

function noLock(host: Host, dataset: DatasetName, stderr: string): DevbackupError {
  const first = mendDisk(stderr, host.name);
  return new DevbackupError({
    code: "lock-failed",
    exitCode: 1,
    host: host.name,
    what: `the lock of ${dataset} could not be taken`,
    why: stderr.trim(),
    state: "Nothing was changed",
    next: first === null ? AGAIN : `${first}, then: ${AGAIN}`,
  });
}

const BALLAST_BYTES = 1024 ** 2;

/** Children must not inherit the lock's descriptor: one that outlives this shell would keep the lock. The holder's file is touched with each word that comes. */
const lockScript = (repository: AbsolutePath, holder: string, patience: number): string =>
  `${sh`
tell() { printf '%s\n' "$1"; exit 0; }
holder=${holder}`}${takeLockScript(repository, patience, Math.floor(patience / 2))}${sh`
echo held
ballast=$locks/${BALLAST_FILE}
[ -s "$ballast" ] || { head -c ${BALLAST_BYTES} /dev/urandom >"$ballast"; } 2>/dev/null 9>&- || rm -f -- "$ballast"
while timeout ${patience} sh -c 'IFS= read -r beat' 9>&-; do echo; touch -- "$held_by" 9>&-; done
: >"$held_by"`}`;
