import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import type { AbsolutePath, HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Action, ActionId, Problem } from "../../plan/plan.ts";
import { failedEnd, pipe } from "../../transport/pipe.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, problem, propose, unknownProblem } from "../answer.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { isHalfReceived, isHydrated, isSnapshot, sameLineage } from "../snapshot/complete.ts";
import { entryOf } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { hydrateId } from "./hydrate.ts";
import { watchReceived } from "./receive-progress.ts";
import {
  marksOnWorkstation,
  type Receiving,
  receiveScript,
  SENT_WHOLE,
  sendScript,
  WAITED,
  workstationLock,
} from "./receive-script.ts";
import { labelsToReceive } from "./to-receive.ts";

interface Input extends Receiving {
  readonly server: HostName;
  readonly hydrated: AbsolutePath;
  /** A snapshot that both have; null where all of it has to be sent. */
  readonly base: string | null;
}

/**
 * Snapshots streamed back to the workstation from the server's, read-only and with their UUIDs: what the dataset
 * is made from again, and the parent of the next increment.
 */
export const receive: Reconciler<Input> = {
  kind: "receive",
  diff: (view) => {
    const { spec, facts, hosts } = view;
    if (!hosts.has(spec.workstation)) return {};
    if (facts.snapshots.kind === "unknown")
      return { problems: [unknownProblem(spec, spec.workstation, spec.snapshots, facts.snapshots)] };
    const labels = labelsForWorkstation(view);
    const problems = labels.flatMap((label) => inTheWay(view, label));
    return problems.length > 0
      ? { problems }
      : { actions: labels.filter((label) => !stands(view, label)).map((label) => send(view, label)) };
  },
  run: async (action, tools) => {
    const { input } = action;
    const { server, hydrated, base, name } = input;
    const stopWatching = watchReceived(tools.host(action.host), input, (bytes) =>
      tools.progress(bytes, null),
    );
    const result = await pipe({
      from: tools.host(server),
      source: sendScript(hydrated, name, base),
      to: tools.host(action.host),
      sink: receiveScript(input, {
        stream: sh`{ zstd -q -d -c || echo "zstd failed" >>"$w/failed"; }`,
        ending: SENT_WHOLE,
        fromAfar: true,
      }),
      signal: tools.signal,
    }).finally(stopWatching);
    if (result.sink.stdout === WAITED) return "a receive that an earlier run had begun was waited for";
    const failed = failedEnd(result);
    if (failed === null) return null;
    throw new DevbackupError({
      code: "receive-failed",
      exitCode: 1,
      host: failed.end === "sink" ? action.host : server,
      what: `${name} could not be brought from ${server} to ${action.host}`,
      why: failed.why,
      state: "What had arrived was removed, and nothing else was touched; it is safe to run again",
    });
  },
};

export const receiveId = (spec: DatasetSpec, label: Label): ActionId => actionId("receive", spec.name, label);

/** The label itself, and the newest one where the server can give it: the next increment needs it as its parent. */
function labelsForWorkstation(view: View): Label[] {
  const { course, spec, facts } = view;
  const newest = course.rows.at(-1)?.label;
  if (newest === undefined || newest === course.target) return [course.target];
  const can =
    isHydrated(entryOf(facts.hydrated, snapshotName(spec.name, newest))) ||
    labelsToReceive(view).includes(newest);
  return can ? [course.target, newest] : [course.target];
}

/** Whether a complete snapshot of that name is there; where the server has one too, of the same lineage. */
function stands({ spec, facts }: View, label: Label): boolean {
  const name = snapshotName(spec.name, label);
  const here = entryOf(facts.snapshots, name);
  const there = entryOf(facts.hydrated, name);
  return isSnapshot(here) && (!isHydrated(there) || sameLineage(here, there));
}

function inTheWay(view: View, label: Label): Problem[] {
  const { spec, facts } = view;
  const name = snapshotName(spec.name, label);
  const here = entryOf(facts.snapshots, name);
  if (here === undefined || stands(view, label) || (here !== null && isHalfReceived(here))) return [];
  const what =
    here === null ? "no subvolume" : here.readOnly ? "another snapshot than the server's" : "writable";
  return [
    problem(
      "label-taken",
      spec,
      spec.workstation,
      `${spec.snapshots}/${name} is there and is ${what}`,
      "move it to another name; devbackup does not replace it",
    ),
  ];
}

function send(view: View, label: Label): Action<Input> {
  const { spec, facts } = view;
  const name = snapshotName(spec.name, label);
  const base = baseFor(view, label);
  const partial = entryOf(facts.snapshots, name) !== undefined;
  return propose("receive", spec, {
    id: receiveId(spec, label),
    host: spec.workstation,
    label,
    stage: "hydrate",
    change: partial ? "update" : "create",
    summary: `bring ${name} from ${spec.server} to ${spec.workstation}${base === null ? "" : `, as an increment on ${base}`}`,
    reason: partial
      ? "an earlier receive was cut off"
      : label === view.course.target
        ? `${spec.workstation} does not have it`
        : "the next increment needs it as its parent",
    details: [`${spec.snapshots}/${name}  read-only`],
    needs: [
      packagesId(spec.workstation),
      packagesId(spec.server),
      layoutId(spec, spec.workstation),
      hydrateId(spec, label),
      ...(base === null ? [] : [receiveId(spec, base)]),
    ],
    input: {
      server: spec.server,
      hydrated: hydratedFolder(spec.repository),
      folder: spec.snapshots,
      name,
      base: base === null ? null : snapshotName(spec.name, base),
      replace: false,
      marks: marksOnWorkstation(spec),
      lock: workstationLock(spec),
    },
  });
}

/** The nearest label before `label`, or the nearest after, that stands on both machines; or will, as the target. */
function baseFor(view: View, label: Label): Label | null {
  const { course, spec, facts } = view;
  const both = course.rows
    .map((row) => row.label)
    .filter((other) => {
      if (other === label) return false;
      const name = snapshotName(spec.name, other);
      return (
        isHydrated(entryOf(facts.hydrated, name)) &&
        stands(view, other) &&
        entryOf(facts.snapshots, name) !== undefined
      );
    });
  const at = course.rows.findIndex((row) => row.label === label);
  const target = course.target !== label && !stands(view, course.target) ? [course.target] : [];
  const before = course.rows
    .slice(0, at)
    .map((row) => row.label)
    .findLast((other) => both.includes(other) || target.includes(other));
  return before ?? both[0] ?? null;
}
