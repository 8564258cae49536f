import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import { chainOf, missingFrom, parentIn } from "../domain/lineage.ts";
import { type AbsolutePath, joinPath, type Sha256 } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { formatBytes } from "../domain/units.ts";
import type { Action, ActionId, Hazard } from "../plan/plan.ts";
import { sh } from "../transport/quote.ts";
import { identityFile } from "./key-files.ts";
import { keyId } from "./keys.ts";
import { hydratedFolder, layoutId } from "./layout.ts";
import { packagesId } from "./packages.ts";
import { actionId, propose, type Reconciler, unknownProblem, type View } from "./reconciler.ts";
import { registerId } from "./register.ts";
import { holds, RECEIVING_SUFFIX, tmpFile } from "./store.ts";
import { entryOf, type Subvolume } from "./subvolumes.ts";

interface Input {
  readonly identity: AbsolutePath;
  readonly folder: AbsolutePath;
  readonly name: string;
  /** Says that a receive of ours is under way, so that its remains may be cleared away. */
  readonly mark: AbsolutePath;
  /** Held by whoever receives: a controller that is killed does not end its receive here. */
  readonly lock: AbsolutePath;
  /** Null where it is yet to be made. */
  readonly artifact: {
    readonly path: AbsolutePath;
    readonly sha256: Sha256;
    readonly sizeBytes: number;
  } | null;
}

/** Complete on the server: read-only **and** with the UUID that receive sets (btrfs-progs cmds/receive.c). */
export const isHydrated = (subvolume: Subvolume | null | undefined): subvolume is Subvolume =>
  subvolume?.readOnly === true && subvolume.receivedUuid !== null;

/** Whether `received` was made from `sent`, which may itself have been received once: send names that UUID. */
export const sameLineage = (sent: Subvolume, received: Subvolume): boolean =>
  received.receivedUuid === (sent.receivedUuid ?? sent.uuid);

/** `btrfs receive` of what the manifest has: the proof of every backup, and the parent of the next increment. */
export const hydrate: Reconciler<Input> = {
  kind: "hydrate",
  diff: (view) => {
    const { spec, facts } = view;
    if (facts.hydrated.kind === "unknown")
      return {
        problems: [unknownProblem(spec, spec.server, hydratedFolder(spec.repository), facts.hydrated)],
      };
    return { actions: labelsToReceive(view).map((label) => receive(view, label)) };
  },
  run: async (action, tools) => {
    const { artifact, name } = action.input;
    if (artifact === null) throw new RangeError(`${action.id} has nothing to receive`);
    const result = await tools
      .host(action.host)
      .run(receiveScript(action.input, artifact), { signal: tools.signal });
    if (result.stdout === "waited\n") return "a receive that an earlier run had begun was waited for";
    if (result.exitCode === 0) return `${formatBytes(artifact.sizeBytes)} verified and received`;
    const damaged = result.exitCode === DAMAGED;
    throw new DevbackupError({
      code: damaged ? "artifact-damaged" : "hydrate-failed",
      exitCode: damaged ? 6 : 1,
      host: action.host,
      what: damaged
        ? `${artifact.path} is damaged: its SHA-256 is not the manifest's`
        : `${name} could not be received`,
      why: result.stderr.trim(),
      state: "The artifact and the manifest are as they were; it is safe to run again",
      next: damaged
        ? `put ${artifact.path} back from the bucket or another copy, then: devbackup apply`
        : "devbackup apply",
    });
  },
};

export const hydrateId = (spec: DatasetSpec, label: Label): ActionId => actionId("hydrate", spec.name, label);

/**
 * The newest registered label with all that it is made of, then every pending one. Where an artifact of that
 * chain is lost, its rest can't be received: the pending ones (an anchor first, then) go on without it.
 */
export function labelsToReceive({ spec, facts, course }: View): Label[] {
  const newest = course.rows.at(-1);
  const chain = newest === undefined ? [] : (chainOf(course.rows, newest.label) ?? []);
  const missing = missingFrom(chain, (label) =>
    isHydrated(entryOf(facts.hydrated, snapshotName(spec.name, label))),
  );
  const again = missing.every((row) => holds(facts.store, row)) ? missing : [];
  return [...again, ...course.pending].map(({ label }) => label);
}

function receive(view: View, label: Label): Action<Input> {
  const { spec, facts, course } = view;
  const name = snapshotName(spec.name, label);
  const row = course.rows.find((candidate) => candidate.label === label);
  const decision = course.pending.find((pending) => pending.label === label)?.decision;
  const parent = decision === undefined ? (row?.parent ?? null) : parentIn(decision);
  const entries =
    facts.hydrated.kind === "known" ? facts.hydrated.value.entries : new Map<string, Subvolume>();
  const { hazard, reason } = standing(view, name, entries.has(name), row !== undefined);
  return propose("hydrate", spec, {
    id: hydrateId(spec, label),
    host: spec.server,
    label,
    stage: "hydrate",
    change: entries.has(name) ? "update" : "create",
    hazard,
    summary: `receive ${name} from its artifact`,
    reason,
    details: [`${hydratedFolder(spec.repository)}/${name}`],
    needs: [
      packagesId(spec.server),
      layoutId(spec, spec.server),
      keyId(spec),
      registerId(spec, label),
      ...(parent === null ? [] : [hydrateId(spec, parent)]),
    ],
    assumes: { sha256: row?.sha256 ?? null },
    input: {
      identity: identityFile(spec),
      folder: hydratedFolder(spec.repository),
      name,
      mark: receivingMark(spec, name),
      lock: joinPath(spec.repository, "locks/receive.lock"),
      artifact:
        row === undefined
          ? null
          : { path: joinPath(spec.repository, row.localPath), sha256: row.sha256, sizeBytes: row.sizeBytes },
    },
  });
}

/** Remains of our own cut-off receive may go; whatever else stands under the name, only when approved. */
function standing(
  { facts }: View,
  name: string,
  present: boolean,
  registered: boolean,
): { hazard: Hazard; reason: string } {
  if (!present)
    return {
      hazard: "none",
      reason: registered
        ? "registered, and not hydrated yet"
        : "every backup is restored at once, as a proof",
    };
  const ours = facts.store.kind === "known" && facts.store.value.receiving.has(name);
  return ours
    ? { hazard: "none", reason: "an earlier receive was cut off" }
    : {
        hazard: "destructive",
        reason: "what stands there is writable or was never received whole; it is replaced",
      };
}

const receivingMark = (spec: DatasetSpec, name: string): AbsolutePath =>
  tmpFile(spec, name + RECEIVING_SUFFIX);

const DAMAGED = 6;

/**
 * Where a receive that an earlier run began is still at work, its end is waited for, and what it came to is
 * looked at.
 * The hash comes first and by itself: a stream that is not the manifest's must not reach `btrfs receive`.
 */
const receiveScript = (
  { identity, folder, name, mark, lock }: Input,
  artifact: { path: AbsolutePath; sha256: Sha256 },
): string => sh`
set -u
exec 8>>${lock} || exit 1
if ! flock -n 8; then flock 8; echo waited; exit; fi
a=${artifact.path} d=${folder} n=${name} m=${mark} w=$(mktemp -d /run/devbackup.XXXXXX) || exit 1
trap 'rm -rf "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE
got=$(openssl dgst -sha256 -r <"$a" | cut -c1-64)
[ "$got" = ${artifact.sha256} ] || { echo "sha256 $got, expected ${artifact.sha256}" >&2; exit ${DAMAGED}; }
touch "$m" && sync "$m" || exit 1
if [ -e "$d/$n" ]; then btrfs -q subvolume delete -c "$d/$n" || exit 1; fi
{ age -d -i ${identity} "$a" || echo "age failed" >"$w/failed"; } |
{ zstd -q -d -c || echo "zstd failed" >"$w/failed"; } |
btrfs -q receive -e "$d" || echo "btrfs receive failed" >"$w/failed"
if [ -e "$w/failed" ] || [ ! -e "$d/$n" ]; then
  cat "$w/failed" >&2
  [ ! -e "$d/$n" ] || btrfs -q subvolume delete "$d/$n"
  rm -f "$m"
  exit 1
fi
btrfs filesystem sync "$d" && rm -f "$m"`;
