import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { type AbsolutePath, type DatasetName, parentOf } from "../domain/names.ts";
import { AGAIN, DevbackupError } from "../domain/trouble.ts";
import { fenced, fencePreface, HOLDER_FILE, WORK_LOCK } from "../transport/fence.ts";
import type { Host, RunningCommand } from "../transport/host.ts";
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

/** Given up where a disk is full, for the lock, the journal and what clears up; put back once there is room. */
const BALLAST_FILE = "ballast";
const BALLAST_BYTES = 1024 ** 2;

const lockFolder = (repository: AbsolutePath): string => `${repository}/locks`;

/**
 * The folders above the repository are everybody's to walk through. Children must not inherit the lock's
 * descriptor: one that outlives this shell would keep the lock. The holder's file says who holds it, and since when
 * by the clock here; it is touched with each word that comes. What was begun under the lock before is waited for.
 * On a disk without a byte to spare Btrfs still makes and removes files, and writes into none: the ballast makes room.
 */
const lockScript = (repository: AbsolutePath, holder: string, patience: number): string => sh`
mkdir -p ${parentOf(repository)} || exit 1
umask 027
d=${lockFolder(repository)} f=${`${lockFolder(repository)}/${HOLDER_FILE}`} w=${`${lockFolder(repository)}/${WORK_LOCK}`}
mkdir -p "$d" || exit 1
exec 9>>"$f" || exit 1
if ! flock -n 9; then
  { IFS= read -r who; read -r pid since patience; } <"$f"
  now=$(date +%s)
  [ -n "$patience" ] || pid=0 since=$now patience=0
  state=$(sed 's/.*) \(.\).*/\1/' "/proc/$pid/stat" 2>/dev/null || echo -)
  echo "busy $((now - since)) $((now - $(stat -c %Y -- "$f"))) $patience $pid $state $who"
  exit 0
fi
write_holder() { printf '%s\n%s\n' ${holder} "$$ $(date +%s) ${patience}" | cat >"$f"; }
write_holder 2>/dev/null || { rm -f -- "$d"/${BALLAST_FILE}; sync -f "$d"; write_holder; } || exit 1
exec 8>>"$w" || exit 1
if ! flock -w ${Math.floor(patience / 2)} 8; then
  for p in /proc/[0-9]*; do [ "$p/fd/7" -ef "$w" ] && printf '%s ' "$(basename "$p")"; done
  echo at work
  : >"$f"
  exit 0
fi
exec 8>&-
echo held
[ -s "$d"/${BALLAST_FILE} ] || { head -c ${BALLAST_BYTES} /dev/urandom >"$d"/${BALLAST_FILE}; } 2>/dev/null 9>&- || rm -f -- "$d"/${BALLAST_FILE}
while timeout ${patience} sh -c 'IFS= read -r beat' 9>&-; do echo; touch -- "$f" 9>&-; done
: >"$f"`;
