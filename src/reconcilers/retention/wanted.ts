import { parentIn } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import type { CopyPlace } from "../../domain/restore-chain.ts";
import {
  type ArtifactRules,
  artifactRules,
  isWanted,
  type Registered,
  snapshotRules,
} from "../../domain/retention.ts";
import type { Stage } from "../../plan/plan.ts";
import type { View } from "../view.ts";

type Places = Pick<View, "spec" | "cloud" | "course" | "stages" | "desired">;

/** Those of them that make what retention goes by. */
const MAKING: readonly Stage[] = ["snapshot", "artifact", "register", "hydrate", "cloud"];

/** Whether the run that is planned brings what is due about, before retention has its turn. */
export const isMaking = ({ stages }: Pick<View, "stages">): boolean =>
  stages === null || stages.some((stage) => MAKING.includes(stage));

/** By growing label, what will be registered when retention has its turn. */
export const registeredThen = (view: Places): readonly Registered[] => [
  ...view.course.rows,
  ...(isMaking(view)
    ? view.course.pending.map(({ label, decision }) => ({ label, parent: parentIn(decision) }))
    : []),
];

/** What the desired state says of each artifact in each place. */
export const rulesOf = (view: Places): ArtifactRules =>
  artifactRules(
    {
      server: view.spec.retention.serverArtifacts,
      bucket: view.desired.cloud === null ? null : view.spec.retention.cloudArtifacts,
    },
    registeredThen(view),
  );

/** Whether the artifact of a row has to stand there: what the rule lets go is not brought back. */
export function wantedIn(view: Places, place: CopyPlace): (row: Pick<ManifestRow, "label">) => boolean {
  const rules = rulesOf(view);
  return ({ label }) => isWanted(rules, label, place);
}

/** Whether it is not known yet how the chains will be told apart: that is found out when the next artifact is made. */
export const isOpen = (view: Places): boolean =>
  isMaking(view) && view.course.pending.some(({ decision }) => decision.kind === "open");

/** Whether the server has to have the snapshot of a label: what its rule lets go is not received again. */
export function snapshotWanted(view: Places): (row: Pick<ManifestRow, "label">) => boolean {
  if (isOpen(view)) return () => true;
  const fates = snapshotRules(view.spec.retention.serverSnapshots, registeredThen(view));
  return ({ label }) => fates.get(label)?.kept !== false;
}
