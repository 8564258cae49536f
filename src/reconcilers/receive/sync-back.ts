import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Action } from "../../plan/plan.ts";
import type { Host } from "../../transport/host.ts";
import { failedEnd, pipe } from "../../transport/pipe.ts";
import { actionId, propose } from "../answer.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { giveScript, readinessScript, type SyncBack, takeScript } from "./sync-back-script.ts";

export const CHANGES = ["added", "changed", "deleted"] as const;
export type Change = (typeof CHANGES)[number];

/** What rsync has done, or would do. */
export interface Brought {
  readonly counts: Readonly<Record<Change, number>>;
  /** The first of them. */
  readonly items: readonly { readonly change: Change; readonly path: string }[];
  /** What it could not do; empty where all went well. */
  readonly trouble: string;
}

/** The two ends: the server gives, the workstation takes. */
export interface Ends {
  readonly server: Host;
  readonly workstation: Host;
}

/** @throws DevbackupError where the server has no working copy of ours, or either end can't do it */
export async function refuseUnready({ spec, facts }: View, { server, workstation }: Ends): Promise<void> {
  const refuse = (
    host: HostName,
    code: "no-working-copy" | "rsync-missing" | "no-such-user",
    what: string,
    next: string,
  ) => {
    throw new DevbackupError({ code, exitCode: 1, host, what, state: "Nothing was changed", next });
  };
  const { workingCopy: copy } = facts;
  if (
    spec.workingCopy === null ||
    copy.kind === "absent" ||
    (copy.kind === "known" && copy.value.kind !== "subvolume")
  )
    refuse(
      spec.server,
      "no-working-copy",
      spec.workingCopy === null
        ? `no working copy of ${spec.name} is declared`
        : `there is no working copy at ${spec.workingCopy}`,
      spec.workingCopy === null
        ? "for one: `working_copy: PATH` in the desired state, then: devbackup apply"
        : "devbackup apply makes it",
    );
  for (const host of [server, workstation]) {
    const { stdout } = await expectSuccess(host, readinessScript(spec), {
      code: "sync-back-failed",
      what: "it could not be looked at",
      state: "Nothing was changed",
    });
    if (!/^rsync$/m.test(stdout))
      refuse(
        host.name,
        "rsync-missing",
        "rsync is not installed there, and nothing else needs it",
        "on that host: apt-get install rsync (or with dnf, pacman, zypper)",
      );
    if (!/^owner$/m.test(stdout))
      refuse(
        host.name,
        "no-such-user",
        `there is no user ${spec.owner}, as whom it is done`,
        "make that user there, or name another as `owner`",
      );
  }
}

/** @throws DevbackupError where nothing of it could be done */
export async function bring(
  back: SyncBack,
  ends: Ends,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<Brought> {
  const result = await pipe({
    from: ends.server,
    source: giveScript(back.dataset),
    to: ends.workstation,
    sink: takeScript(back, dryRun),
    back: true,
    signal,
  });
  const { stderr } = result.sink;
  const code = Number(/^code (\d+)$/m.exec(stderr)?.[1] ?? Number.NaN);
  const said = [...`${stderr}\n${result.source.stderr}`.matchAll(/^said (.*)$/gm)]
    .map(([, line = ""]) => line)
    .join("\n");
  if (code !== 0 && !PARTIAL.has(code))
    throw failed(back.dataset, ends, said || failedEnd(result)?.why, dryRun);
  const count = (kind: Change) => Number(new RegExp(`^count ${kind} (\\d+)$`, "m").exec(stderr)?.[1] ?? 0);
  return {
    counts: { added: count("added"), changed: count("changed"), deleted: count("deleted") },
    items: [...stderr.matchAll(/^item (added|changed|deleted) (.*)$/gm)].map(([, change, path = ""]) => ({
      change: change as Change,
      path,
    })),
    trouble: PARTIAL.get(code) === "partial" ? said : "",
  };
}

/** Exit codes of rsync(1) where it went on without some files: 24 where the server has deleted them meanwhile. */
const PARTIAL: ReadonlyMap<number, "partial" | "vanished"> = new Map([
  [23, "partial"],
  [24, "vanished"],
]);

const failed = (
  spec: DatasetSpec,
  { workstation }: Ends,
  why: string | undefined,
  dryRun: boolean,
): DevbackupError =>
  new DevbackupError({
    code: "sync-back-failed",
    exitCode: 1,
    host: workstation.name,
    what: `the working copy could not be brought back to ${spec.path}`,
    ...(why !== undefined && { why }),
    state: dryRun
      ? "Nothing was changed"
      : "What was brought so far stays, each file whole; it is safe to run again",
  });

/** What is asked for: it replaces what somebody may have worked on since. */
export const syncBackAction = (back: SyncBack, { counts }: Brought): Action<SyncBack> =>
  propose("sync-back", back.dataset, {
    id: actionId("sync-back", back.dataset.name),
    host: back.dataset.workstation,
    stage: "hydrate",
    change: "update",
    hazard: counts.deleted > 0 ? "destructive" : "disruptive",
    summary: `bring the working copy of ${back.dataset.server} back to ${back.dataset.path}`,
    reason: CHANGES.flatMap((kind) => (counts[kind] > 0 ? [`${counts[kind]} ${kind}`] : [])).join(", "),
    input: back,
  });
