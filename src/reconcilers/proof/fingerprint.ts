import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { parentIn } from "../../domain/lineage.ts";
import type { HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { plural } from "../../domain/units.ts";
import type { Action, ActionId, Warning } from "../../plan/plan.ts";
import { failedEnd, pipe } from "../../transport/pipe.ts";
import { actionId, propose, UNKNOWN_STATE } from "../answer.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { registerId } from "../manifest/register.ts";
import type { Reconciler, Tools } from "../reconciler.ts";
import { isSnapshot } from "../snapshot/complete.ts";
import { snapshotId } from "../snapshot/snapshot.ts";
import { entryOf } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { fingerprintFolder } from "./fingerprint-files.ts";
import { clearScript, finishScript, NOT_FITTING, sinkScript, sourceScript } from "./fingerprint-script.ts";

interface Input {
  readonly dataset: DatasetSpec;
  readonly label: Label;
  /** Unchanged files have their hashes from its fingerprint; null where all are read. */
  readonly base: Label | null;
}

/**
 * What the workstation's snapshot holds, kept on the server: what a restore is compared with. Taken of a snapshot alone
 * that was made there: of one that came back from the server it would prove nothing.
 */
export const fingerprint: Reconciler<Input> = {
  kind: "fingerprint",
  diff: (view) => {
    const { spec, facts, course } = view;
    const { fingerprints } = facts;
    if (fingerprints.kind === "unknown") return { warnings: [notSeen(spec, fingerprints.why)] };
    const newest = course.rows.at(-1);
    const wanted = [
      ...(newest !== undefined && isOriginal(view, newest.label) ? [newest] : []),
      ...course.pending.map(({ label, decision }) => ({ label, parent: parentIn(decision) })),
    ];
    return {
      actions: wanted
        .filter(({ label }) => !hasFingerprint(view, label))
        .map(({ label, parent }) => take(view, label, parent)),
    };
  },
  run: async ({ input }, tools) => {
    const { dataset, label, base } = input;
    const server = tools.host(dataset.server);
    await send(input, tools).catch(async (error: unknown) => {
      await server.run(clearScript(dataset)).catch(() => undefined);
      throw error;
    });
    tools.assertHeld();
    const finished = await server.run(finishScript(dataset, label, base), { signal: tools.signal });
    // it was taken with other rules, or is damaged
    if (finished.exitCode === NOT_FITTING && base !== null)
      return fingerprint.run({ input: { ...input, base: null } } as Action<Input>, tools);
    const [, files, read] = /^(\d+) (\d+)$/m.exec(finished.stdout) ?? [];
    if (finished.exitCode !== 0 || files === undefined)
      throw failed(dataset.server, `the fingerprint of ${label} could not be written`, finished.stderr);
    return `${plural(Number(files), "file")}, ${Number(read) === Number(files) ? "all" : read} of them read`;
  },
};

export const fingerprintId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("fingerprint", spec.name, label);

const hasFingerprint = ({ facts: { fingerprints } }: View, label: Label): boolean =>
  fingerprints.kind === "known" && fingerprints.value.has(label);

function isOriginal({ spec, facts }: View, label: Label): boolean {
  const entry = entryOf(facts.snapshots, snapshotName(spec.name, label));
  return isSnapshot(entry) && entry.receivedUuid === null;
}

function take(view: View, label: Label, parent: Label | null): Action<Input> {
  const { spec, facts, course } = view;
  const name = snapshotName(spec.name, label);
  const base = parent !== null && isOriginal(view, parent) && hasFingerprint(view, parent) ? parent : null;
  return propose("fingerprint", spec, {
    id: fingerprintId(spec, label),
    host: spec.server,
    label,
    stage: "register",
    change: "create",
    summary: `note what ${name} holds on ${spec.workstation}: names, owners, times, and the hashes of all files`,
    reason:
      base === null && !course.pending.some((each) => each.label === parent)
        ? "no fingerprint yet; every file is read"
        : `no fingerprint yet; files that are as they were at ${base ?? parent} are not read again`,
    details: [`${fingerprintFolder(spec)}/`],
    needs: [
      packagesId(spec.workstation),
      packagesId(spec.server),
      layoutId(spec, spec.workstation),
      layoutId(spec, spec.server),
      snapshotId(spec, label),
      registerId(spec, label),
    ],
    assumes: { snapshot: entryOf(facts.snapshots, name)?.uuid ?? null },
    input: { dataset: spec, label, base },
  });
}

async function send({ dataset, label, base }: Input, { host, signal }: Tools): Promise<void> {
  const result = await pipe({
    from: host(dataset.workstation),
    source: sourceScript(dataset, label, base),
    to: host(dataset.server),
    sink: sinkScript(dataset),
    signal,
  });
  const ended = failedEnd(result);
  if (ended === null) return;
  const on = ended.end === "sink" ? dataset.server : dataset.workstation;
  throw failed(on, `what ${snapshotName(dataset.name, label)} holds could not be noted`, ended.why);
}

const failed = (host: HostName, what: string, stderr: string): DevbackupError =>
  new DevbackupError({
    code: "fingerprint-failed",
    exitCode: 1,
    host,
    what,
    why: stderr.trim(),
    state: "The backup itself is not touched by that; it is safe to run again",
    next: "devbackup apply",
  });

const notSeen = (spec: DatasetSpec, why: string): Warning => ({
  code: UNKNOWN_STATE,
  host: spec.server,
  dataset: spec.name,
  hides: "register" as const,
  text: `which fingerprints are in ${fingerprintFolder(spec)} could not be looked at: ${why}`,
});
