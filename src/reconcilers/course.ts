import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { snapshotName } from "../domain/artifact.ts";
import type { Code } from "../domain/code.ts";
import type { Fact } from "../domain/fact.ts";
import type { Label } from "../domain/label.ts";
import { chainOf } from "../domain/lineage.ts";
import type { Manifest } from "../domain/manifest.ts";
import { pendingLabels } from "../domain/pending.ts";
import type { Problem } from "../plan/plan.ts";
import { damage, problem } from "./answer.ts";
import { sourceOf } from "./artifact/copies.ts";
import type { DatasetFacts, RecoveredFacts } from "./facts.ts";
import { registered, waitingRows } from "./manifest/store.ts";
import { isHydrated, isSnapshot, sameLineage } from "./snapshot/complete.ts";
import { labelsTaken } from "./snapshot/snapshot.ts";
import { entryOf } from "./snapshot/subvolumes.ts";
import type { Course, View } from "./view.ts";

/**
 * Works out which labels are due after `rows` from what is there, and whether each becomes an anchor or an increment; where
 * none `isMade`, only those of which the artifact stands, and waits for its row.
 */
export function courseOf(
  spec: DatasetSpec,
  facts: DatasetFacts,
  cloud: View["cloud"],
  target: Label,
  rows: Manifest,
  isMade: boolean,
): Course {
  const made = facts.store.kind === "known" ? waitingRows(facts.store.value, rows) : [];
  const pending = pendingLabels({
    rows,
    made,
    snapshots: labelsTaken(
      spec,
      facts.snapshots,
      facts.source.kind === "known" ? facts.source.value.uuid : null,
    ),
    target,
    rule: spec.anchor,
    parentGone: parentGone(spec, facts, cloud, [...rows, ...made]),
  });
  return { target, rows, pending: isMade ? pending : pending.filter((each) => each.made !== null) };
}

/**
 * A restore makes nothing new. Its manifest is the server's, or the bucket's where the server has lost its own
 * (`replaced`: opened by the server itself, else with a recovery identity); a problem where there is none, or none
 * with that label.
 */
export function restoreCourse(
  spec: DatasetSpec,
  facts: DatasetFacts,
  recovered: Fact<RecoveredFacts>,
  replaced: Manifest | null,
  label: Label | "latest",
  hasCloud: boolean,
): Course | { readonly problem: Problem } {
  const { manifest } = facts;
  const fromBucket = recovered.kind === "known" ? recovered.value.manifest : null;
  const rows = replaced ?? (manifest.kind === "absent" ? (fromBucket ?? []) : registered(facts.manifest));
  // what keeps the manifest from being read is told by its own reconciler
  const unread = manifest.kind === "unknown" || (manifest.kind === "known" && rows.length === 0);
  const target = label === "latest" ? rows.at(-1)?.label : rows.find((row) => row.label === label)?.label;
  if (target !== undefined) return { target, rows, pending: [] };
  if (rows.length > 0) return { problem: noSuchLabel(spec, label, rows) };
  const say = (code: Code, text: string, next: string) => ({
    problem: damage(code, spec, spec.server, text, next),
  });
  if (unread)
    return say(
      "manifest-unreadable",
      `the manifest of ${spec.name} is there and cannot be read`,
      `devbackup manifest rebuild --dataset ${spec.name}`,
    );
  return recovered.kind === "known" || !hasCloud
    ? say(
        "manifest-lost",
        hasCloud
          ? `neither the server nor the bucket has a manifest of ${spec.name}`
          : `the server has no manifest of ${spec.name}, and no cloud is declared that could have one`,
        `put it back from a copy, or make it again from the artifacts: devbackup manifest rebuild --dataset ${spec.name}${hasCloud ? " --identity FILE" : ""}`,
      )
    : say(
        "identity-needed",
        `the server has no manifest of ${spec.name}; the bucket's is opened with a recovery identity alone`,
        `devbackup plan --restore ${label} --identity FILE`,
      );
}

/** Where the server was wiped, `manifest list` could not name them. */
function noSuchLabel(spec: DatasetSpec, label: string, rows: Manifest): Problem {
  const labels = rows.map((row) => row.label).slice(-LABELS_NAMED);
  const all = labels.length === rows.length;
  return problem(
    "no-such-label",
    spec,
    spec.server,
    `the manifest of ${spec.name} has no label ${label}; ${all ? "it has" : `its newest ${labels.length} of ${rows.length} are`} ${labels.join(", ")}`,
    "name one of those, or latest",
  );
}

const LABELS_NAMED = 12;

/**
 * Why the newest artifact's label can't be the parent of an increment, or null where it can: its snapshot must
 * be on the workstation, the server must have it, or be able to receive it, and every artifact that it is made from
 * must be somewhere. Without one, nothing that was sent would bring the increment back once the server is lost.
 */
function parentGone(
  spec: DatasetSpec,
  facts: DatasetFacts,
  cloud: View["cloud"],
  links: Manifest,
): string | null {
  const parent = links.at(-1);
  if (parent === undefined) return null;
  const name = snapshotName(spec.name, parent.label);
  const here = entryOf(facts.snapshots, name);
  if (!isSnapshot(here)) return `the parent ${name} is gone from ${spec.workstation}`;
  const there = entryOf(facts.hydrated, name);
  if (isHydrated(there) && !sameLineage(here, there))
    return `${name} on ${spec.workstation} and on ${spec.server} are not the same snapshot`;
  const lost = chainOf(links, parent.label)?.find(
    (row) => sourceOf(row, { spec, facts, cloud }) === "nowhere",
  );
  if (lost === undefined) return null;
  return isHydrated(there)
    ? `the artifact of ${lost.label}, which ${name} is made from, is lost: what builds on it stands on ${spec.server} alone`
    : `the parent ${name} is gone from ${spec.server}, and so is the artifact of ${lost.label} to make it again from`;
}
