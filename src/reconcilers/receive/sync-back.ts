import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatStamp } from "../../domain/units.ts";
import type { Action } from "../../plan/plan.ts";
import { failedEnd, pipe } from "../../transport/pipe.ts";
import { actionId, propose } from "../answer.ts";
import { expectSuccess } from "../run-script.ts";
import { snapshotScript } from "../snapshot/snapshot.ts";
import type { Ends } from "./sync-back-ready.ts";
import { giveScript, type SyncBack, takeScript } from "./sync-back-script.ts";

export const CHANGES = ["added", "changed", "deleted"] as const;
export type Change = (typeof CHANGES)[number];

/** What rsync would do. */
export interface Shown {
  /** With what of it was left out. */
  readonly back: SyncBack;
  readonly counts: Readonly<Record<Change, number>>;
  /** Of those that change, as many are newer on the workstation. */
  readonly newer: number;
  /** The first of them. */
  readonly items: readonly { readonly change: Change; readonly path: string }[];
  /** What stays as it is, and why: in a subvolume or mount of its own, or newer. */
  readonly left: readonly Left[];
  /** Of all of it, and of what it would replace: where that is another, so is what would be done. */
  readonly digest: string;
  /** What it could not do; empty where all went well. */
  readonly trouble: string;
}

export interface Left {
  readonly why: "apart" | "newer";
  readonly path: string;
}

/** What rsync has done. */
export interface Brought {
  /** What stood there before; null where nothing of it was to give way. */
  readonly kept: AbsolutePath | null;
  readonly brought: number;
  readonly deleted: number;
  /** What it could not do; empty where all went well. */
  readonly trouble: string;
}

/** Where something is left out, something else can come up: the other of two hard links, say. */
const MOST_ROUNDS = 5;

/**
 * A dry run. What lies on another file system of the workstation is left out, and with `update` what is newer there.
 *
 * @throws DevbackupError where it can't be told
 */
export async function preview(back: SyncBack, ends: Ends, signal: AbortSignal): Promise<Shown> {
  let left: readonly Left[] = [];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const paths = left.map(({ path }) => path);
    const shown = await dryRun({ ...back, leave: [...back.leave, ...paths] }, ends, signal);
    if (shown.left.length === 0) return { ...shown, left };
    left = [...left, ...shown.left];
  }
  throw failed(back.dataset, ends, "what is to stay there grows with every look at it", NOTHING);
}

/**
 * Does what was shown, where a second dry run says the same. What stands there is kept first, as a snapshot, where something of
 * it gives way.
 *
 * @throws DevbackupError exit code 5 where it says something else, or rsync would delete more; else where it could not be done
 */
export async function bring(shown: Shown, ends: Ends, now: Date, signal: AbortSignal): Promise<Brought> {
  const { back, counts } = shown;
  const again = await dryRun(back, ends, signal);
  if (again.digest !== shown.digest || again.left.length > 0)
    throw changedSince(back.dataset, "Nothing was changed");
  if (withoutLeft(back) === null) return { kept: null, brought: 0, deleted: 0, trouble: again.trouble };
  const kept = counts.changed + counts.deleted > 0 ? await setAside(back.dataset, ends, now) : null;
  const { lines, code, trouble } = await run(back, ends, signal, counts.deleted);
  if (code === MOST_DELETED)
    throw changedSince(
      back.dataset,
      `Deleted were at most the ${counts.deleted} that were shown; what was to be brought stands there`,
    );
  return { kept, brought: countOf(lines, "brought"), deleted: countOf(lines, "deleted"), trouble };
}

async function setAside(
  { path, snapshots }: DatasetSpec,
  { workstation }: Ends,
  now: Date,
): Promise<AbsolutePath> {
  const target = joinPath(snapshots, `before-sync-back.${formatStamp(now)}`);
  await expectSuccess(workstation, snapshotScript({ path, target }), {
    code: "sync-back-failed",
    what: `what stands in ${path} could not be kept as ${target}`,
    state: NOTHING,
    next: "put right what it says, then the same command again",
  });
  return target;
}

async function dryRun(back: SyncBack, ends: Ends, signal: AbortSignal): Promise<Shown> {
  if (withoutLeft(back) === null)
    return {
      back,
      counts: { added: 0, changed: 0, deleted: 0 },
      newer: 0,
      items: [],
      left: [],
      digest: "",
      trouble: "",
    };
  const { lines, trouble } = await run(back, ends, signal);
  const digest = matches(lines, /^shown ([0-9a-f]{64})$/)[0]?.[1];
  const left = matches(lines, /^leave (apart|newer) (.*)$/s).map(([, why, path = ""]) => ({
    why: why as Left["why"],
    path: unescaped(path),
  }));
  if (digest === undefined || left.length !== countOf(lines, "leave"))
    throw failed(back.dataset, ends, "too much of it is to stay there; name what to bring instead", NOTHING);
  return {
    back,
    counts: {
      added: countOf(lines, "added"),
      changed: countOf(lines, "changed"),
      deleted: countOf(lines, "deleted"),
    },
    newer: countOf(lines, "newer"),
    items: matches(lines, /^item (added|changed|deleted) (.*)$/s).map(([, change, path = ""]) => ({
      change: change as Change,
      path,
    })),
    left,
    digest,
    trouble,
  };
}

/** An rsync between the two; dry, unless it is said how many may be deleted. */
async function run(
  back: SyncBack,
  ends: Ends,
  signal: AbortSignal,
  mostDeleted?: number,
): Promise<{ readonly lines: readonly string[]; readonly code: number; readonly trouble: string }> {
  const result = await pipe({
    from: ends.server,
    source: giveScript(back.dataset),
    to: ends.workstation,
    sink: takeScript(withoutLeft(back) ?? back, mostDeleted),
    back: true,
    signal,
  });
  const lines = result.sink.stderr.split("\n");
  const code = Number(matches(lines, /^code (\d+)$/)[0]?.[1] ?? Number.NaN);
  const said = matches([...lines, ...result.source.stderr.split("\n")], /^said (.*)$/s)
    .map(([, line = ""]) => line)
    .join("\n");
  if (code !== 0 && code !== MOST_DELETED && !PARTIAL.has(code))
    throw failed(
      back.dataset,
      ends,
      said || failedEnd(result)?.why,
      mostDeleted === undefined
        ? NOTHING
        : "What was brought so far stays, each file whole; it is safe to run again",
    );
  return { lines, code, trouble: PARTIAL.get(code) === "partial" ? said : "" };
}

/** rsync refuses to be asked for what is left out; null where nothing remains. */
function withoutLeft(back: SyncBack): SyncBack | null {
  if (back.paths.length === 0) return back;
  const paths = back.paths.filter(
    (path) => !back.leave.some((left) => left === path || path.startsWith(`${left}/`)),
  );
  return paths.length === 0 ? null : { ...back, paths };
}

/** rsync(1) writes control characters of names as `\\#ooo`. */
const unescaped = (path: string): string =>
  path.replace(/\\#([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Line by line: a name may have what a pattern takes for the end of one, U+2028 say. */
const matches = (lines: readonly string[], pattern: RegExp): readonly (readonly string[])[] =>
  lines.map((line) => pattern.exec(line)).filter((found) => found !== null);

const countOf = (lines: readonly string[], kind: string): number =>
  Number(matches(lines, new RegExp(`^count ${kind} (\\d+)$`))[0]?.[1] ?? 0);

/** Exit code of rsync(1) where `--max-delete` has stopped it from deleting more. */
const MOST_DELETED = 25;

/** Exit codes of rsync(1) where it went on without some files: 24 where the server has deleted them meanwhile. */
const PARTIAL: ReadonlyMap<number, "partial" | "vanished"> = new Map([
  [23, "partial"],
  [24, "vanished"],
]);

const NOTHING = "Nothing was changed";

const failed = (
  spec: DatasetSpec,
  { workstation }: Ends,
  why: string | undefined,
  state: string,
): DevbackupError =>
  new DevbackupError({
    code: "sync-back-failed",
    exitCode: 1,
    host: workstation.name,
    what: `the working copy could not be brought back to ${spec.path}`,
    ...(why !== undefined && { why }),
    state,
  });

const changedSince = (spec: DatasetSpec, state: string): DevbackupError =>
  new DevbackupError({
    code: "drift",
    exitCode: 5,
    host: spec.workstation,
    what: `what is there has changed since it was shown, in ${spec.path} or in the working copy`,
    state,
    next: "the same command again, which shows what it is now",
  });

/** A dry run that could not look everywhere does not say that there is nothing to do. */
export const standingOf = ({ counts, trouble }: Shown): "to-do" | "nothing-to-do" | "incomplete" =>
  CHANGES.some((kind) => counts[kind] > 0) ? "to-do" : trouble === "" ? "nothing-to-do" : "incomplete";

/** What is asked for: it replaces what somebody may have worked on since. */
export const syncBackAction = ({ back, counts }: Shown): Action<SyncBack> =>
  propose("sync-back", back.dataset, {
    id: actionId("sync-back", back.dataset.name),
    host: back.dataset.workstation,
    stage: "hydrate",
    change: "update",
    hazard: back.delete ? "destructive" : "disruptive",
    summary: `bring the working copy of ${back.dataset.server} back to ${back.dataset.path}`,
    reason: CHANGES.flatMap((kind) => (counts[kind] > 0 ? [`${counts[kind]} ${kind}`] : [])).join(", "),
    input: back,
  });
