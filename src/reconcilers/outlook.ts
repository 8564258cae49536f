import { snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import { type Hole, type RestoreChain, restoreChain } from "../domain/restore-chain.ts";
import { formatBytes, plural } from "../domain/units.ts";
import type { Problem } from "../plan/plan.ts";
import { damage, problem, unknownProblem } from "./answer.ts";
import { cloudKey, copiesOf, whereabouts } from "./artifact/copies.ts";
import { behindBucket } from "./cloud/cloud.ts";
import { memoryProblems } from "./keys/memory.ts";
import { isAuthentic } from "./manifest/sign.ts";
import { hydratedLabels } from "./receive/to-receive.ts";
import type { Reconciler } from "./reconciler.ts";
import { wantedIn } from "./retention/wanted.ts";
import type { View } from "./view.ts";

/** What a restore takes, and what is in its way; makes nothing itself. */
export const outlook: Reconciler<never> = {
  kind: "outlook",
  diff: (view) => {
    const { spec, course } = view;
    const chain = chainTo(view, course.target);
    if (chain === undefined) throw new RangeError(`${spec.name} has no ${course.target}`);
    return {
      notes: notesOf(view, chain),
      warnings: behindBucket(view),
      problems: [
        ...notAuthentic(view),
        ...holes(view, chain),
        ...unknownBucket(view, chain),
        ...inArchive(view, chain),
      ],
    };
  },
  run: async ({ id }) => {
    throw new RangeError(`${id} is nothing to run`);
  },
};

const chainTo = (view: View, label: Label): RestoreChain | undefined =>
  restoreChain({
    rows: view.course.rows,
    label,
    copies: (row) => copiesOf(row, view),
    hydrated: hydratedLabels(view),
  });

function notesOf(view: View, { steps, fetchBytes }: RestoreChain): string[] {
  const { spec, course, facts, restore } = view;
  const name = snapshotName(spec.name, course.target);
  const from = (source: string) => steps.filter((step) => step.source === source);
  const bytes = (some: typeof steps) => formatBytes(some.reduce((sum, { row }) => sum + row.sizeBytes, 0));
  const [standing, local, remote] = [from("hydrated"), from("server"), from("bucket")];
  const parts = [
    ...(standing.length > 0 ? [`${standing.length} hydrated already`] : []),
    ...(local.length > 0 ? [`${local.length} on ${spec.server} (${bytes(local)})`] : []),
    ...(remote.length > 0 ? [`${remote.length} from the bucket (${formatBytes(fetchBytes)})`] : []),
  ];
  const free =
    facts.serverLayout.kind === "known"
      ? `; ${formatBytes(facts.serverLayout.value.place.freeBytes)} free on ${spec.server}`
      : "";
  const chain = new Set(steps.map(({ row }) => row.label));
  const later = course.rows.filter(wantedIn(view, "server")).filter((row) => {
    const { server, bucket } = copiesOf(row, view);
    return !chain.has(row.label) && server !== "whole" && bucket === "whole";
  });
  const registeredAt = steps.at(-1)?.row.ts.slice(0, 16).replace("T", " at ");
  return [
    `${name} was registered on ${registeredAt} UTC: later work is not in it.`,
    `${name} is made from ${plural(steps.length, "artifact")}: ${parts.join(", ")}${free}.`,
    ...(later.length > 0 && restore?.to === null
      ? [
          `${plural(later.length, "further artifact")} (${formatBytes(later.reduce((sum, row) => sum + row.sizeBytes, 0))}) ${later.length === 1 ? "stays" : "stay"} in the bucket for now; the next devbackup apply fetches ${later.length === 1 ? "it" : "them"}.`,
        ]
      : []),
  ];
}

/** What is on the server is looked at as sternly as what is in the bucket. */
function notAuthentic(view: View): Problem[] {
  const { spec, facts, restore, course } = view;
  const asked = restore !== null && restore.label !== "latest" && course.target === restore.label;
  const seen = memoryProblems(view).filter(({ code }) => !(asked && code === "manifest-rolled-back"));
  if (isAuthentic(view) || facts.manifest.kind !== "known") return seen;
  return [
    ...seen,
    damage(
      "manifest-not-authentic",
      spec,
      spec.server,
      `the manifest of ${spec.name} is not the one that the server signed: its signature is ${facts.manifest.value.signature}`,
      "devbackup plan says what is known of it, and how to sign it if it is right",
    ),
  ];
}

function holes(view: View, { holes: found }: RestoreChain) {
  const { spec, course, cloud, facts } = view;
  const stands = found.length === 0 ? undefined : newestWhole(view);
  const identity = facts.manifest.kind === "absent" ? " --identity FILE" : "";
  const other =
    stands === undefined
      ? ""
      : `; or restore ${stands}, the newest label that can be made: devbackup plan --restore ${stands}${identity}`;
  const back = (hole: Hole) =>
    cloud === null
      ? "put it back from another copy (devbackup manifest import DIR)"
      : `put it back from another copy, as ${cloudKey(cloud.spec, spec, hole.row)} in the bucket${identity === "" ? " or with devbackup manifest import DIR" : ""}`;
  return found.map((hole) =>
    damage(
      "chain-hole",
      spec,
      spec.server,
      `${spec.name}@${course.target} can't be made: ${hole.row.localPath} is ${whereabouts(hole.copies)}. It costs ${plural(hole.costs.length, "label")}: ${hole.costs.join(", ")}`,
      back(hole) + other,
    ),
  );
}

const newestWhole = (view: View): Label | undefined =>
  view.course.rows.map(({ label }) => label).findLast((label) => chainTo(view, label)?.restorable === true);

const inArchive = ({ spec, cloud, course }: View, { steps }: RestoreChain): Problem[] =>
  steps
    .filter(({ source, copies }) => source === "unknown" && copies.bucket === "archived")
    .map(({ row, copies }) =>
      problem(
        "object-archived",
        spec,
        spec.server,
        `${spec.name}@${course.target} can't be made now: ${row.localPath} is ${whereabouts(copies)}, where nothing reads it before the store has brought it back`,
        `have the store bring ${cloud === null ? "it" : cloudKey(cloud.spec, spec, row)} back (aws s3api restore-object), then run the same command again`,
      ),
    );

function unknownBucket({ spec, cloud }: View, { restorable }: RestoreChain) {
  if (restorable !== "unknown" || cloud === null || cloud.bucket.kind === "known") return [];
  return [unknownProblem(spec, spec.server, "the bucket", cloud.bucket)];
}
