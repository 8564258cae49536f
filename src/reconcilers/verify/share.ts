import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import { isWrong } from "../../domain/findings.ts";
import { compareLabels, type Label } from "../../domain/label.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatBytes, plural } from "../../domain/units.ts";
import {
  type Finding,
  leastRecentFirst,
  shareOf,
  thingInWords,
  type VerificationRecord,
} from "../../domain/verification.ts";
import type { Warning } from "../../plan/plan.ts";
import { actionId, propose, UNKNOWN_STATE, warning } from "../answer.ts";
import { copiesOf } from "../artifact/copies.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestId, registerId } from "../manifest/register.ts";
import { hydrateId } from "../receive/hydrate.ts";
import type { Reconciler } from "../reconciler.ts";
import { entryOf } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { writeRecord } from "./record.ts";
import { type Thing, thingsOf } from "./things.ts";
import { recordOf } from "./verify-dataset.ts";
import { verifyThings } from "./verify-things.ts";

interface Input {
  readonly dataset: DatasetSpec;
  /** The newest that is registered. */
  readonly label: Label;
  readonly things: readonly Thing[];
  readonly record: VerificationRecord;
}

/** A share of what is kept, once after each new label: the longest unseen first, so that all of it has its turn. */
export const verifyShare: Reconciler<Input> = {
  kind: "verify",
  diff: (view) => {
    const { spec, course, desired, restore, facts, cloud } = view;
    const newest = course.pending.at(-1)?.label ?? course.rows.at(-1)?.label;
    // whatever is declared: what was found damaged would count as whole
    if (facts.verified.kind === "unknown")
      return { warnings: [notSeen(spec, cloud !== null, facts.verified.why)] };
    if (desired.verify === null || restore !== null || newest === undefined) return {};
    const record = recordOf(view);
    if (record.share !== null && compareLabels(newest, record.share.label) <= 0) return {};
    const all = leastRecentFirst(record, thingsOf(view, { deep: false, cloud: false }).things, view.takenAt);
    const things = shareOf(all.filter(isSound(view)), desired.verify.share);
    const percent = Math.round(desired.verify.share * 1000) / 10;
    return {
      actions: [
        propose("verify", spec, {
          id: actionId("verify", spec.name),
          host: spec.server,
          // behind what this run adds, which may have its turn at once
          stage: "hydrate",
          change: "update",
          summary: `verify ${percent} % of what is kept of ${spec.name}`,
          reason: `${record.share === null ? "no share was verified yet" : `${newest} is new since the last time, at ${record.share.label}`}; what was not looked at for longest comes first`,
          details: course.pending.length > 0 ? ["how much that is: (known after apply)"] : [sizeOf(things)],
          needs: [
            packagesId(spec.server),
            layoutId(spec, spec.server),
            manifestId(spec),
            ...course.pending.flatMap(({ label }) => [registerId(spec, label), hydrateId(spec, label)]),
          ],
          input: { dataset: spec, label: newest, things, record },
        }),
      ],
    };
  },
  run: async ({ host, input }, tools) => {
    const { dataset, label, things, record } = input;
    const verified = await verifyThings({
      spec: dataset,
      things,
      record,
      tools,
      since: null,
      received: new Map(),
    });
    const share = { label, at: tools.now() };
    await writeRecord(tools.host(host), dataset, { ...verified.record, share });
    const wrong = verified.findings.filter(isWrong);
    if (wrong.length > 0) throw foundDamage(dataset, wrong, things);
    const unseen = verified.findings.filter(({ state }) => state === "not-checked").length;
    return `${sizeOf(things)}${unseen === 0 ? "" : `, ${unseen} of them could not be looked at: devbackup verify says why`}`;
  },
};

/** An object that was found damaged is not sent again, then. */
const notSeen = (spec: DatasetSpec, hasCloud: boolean, why: string): Warning => ({
  ...warning(
    UNKNOWN_STATE,
    spec,
    spec.server,
    `what verify has found of ${spec.name} could not be looked at${hasCloud ? ", nor which objects it found damaged" : ""}: ${why}`,
  ),
  ...(hasCloud && { hides: "cloud" as const }),
});

const sizeOf = (things: readonly Thing[]): string =>
  `${plural(things.length, "copy", "copies")}, ${formatBytes(things.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))}`;

/** What is known to be damaged is mended by this very plan, and need not be found once more. */
const isSound =
  (view: View) =>
  ({ place, row }: Thing): boolean =>
    place === "hydrated"
      ? entryOf(view.facts.hydrated, snapshotName(view.spec.name, row.label))?.damaged !== true
      : copiesOf(row, view)[place] === "whole";

function foundDamage(spec: DatasetSpec, wrong: readonly Finding[], things: readonly Thing[]): DevbackupError {
  const words = { dataset: spec.name, server: spec.server, rows: things.map(({ row }) => row) };
  const named = wrong.map(
    (finding) =>
      `${thingInWords(finding, words)} is ${finding.state}${finding.why === null ? "" : `: ${finding.why}`}`,
  );
  const mendable = wrong.find(({ asRegistered }) => !asRegistered);
  return new DevbackupError({
    code: "verify-damage",
    exitCode: 6,
    host: spec.server,
    what: `${plural(wrong.length, "copy", "copies")} of ${spec.name} ${wrong.length === 1 ? "is not as it" : "are not as they"} should be`,
    why: named.join("; "),
    state: "The backup itself is done; what was found is marked",
    next:
      mendable === undefined
        ? `devbackup manifest chain ${wrong[0]?.label}: it shows what rests on it, which no apply mends`
        : "devbackup apply: it mends what is whole elsewhere",
  });
}
