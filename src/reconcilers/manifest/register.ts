import type { CloudSpec, DatasetSpec } from "../../desired-state/desired-state.ts";
import { objectKey, snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { labelsResting } from "../../domain/lineage.ts";
import {
  type Manifest,
  type ManifestRow,
  refOf,
  renderManifest,
  renderStateEnv,
} from "../../domain/manifest.ts";
import { formatStamp, plural } from "../../domain/units.ts";
import type { Action, ActionId, Warning } from "../../plan/plan.ts";
import { sha256Of } from "../../transport/hash.ts";
import { actionId, propose, warning } from "../answer.ts";
import { artifactId } from "../artifact/artifact.ts";
import { copiesOf, sourceOf, whereabouts } from "../artifact/copies.ts";
import { adopting, isAdopted } from "../cloud/pushed-manifest.ts";
import { neverSigned, signKeyId } from "../keys/sign-key.ts";
import type { SignatureState } from "../keys/signature.ts";
import { packagesId } from "../machine/packages.ts";
import { hydratedLabels } from "../receive/to-receive.ts";
import type { Reconciler } from "../reconciler.ts";
import type { View } from "../view.ts";
import { manifestProblems } from "./manifest-problems.ts";
import { type Replacement, replacementOf } from "./replacement.ts";
import { manifestFile } from "./store.ts";
import { writeManifest } from "./write-manifest.ts";

interface Input {
  readonly dataset: DatasetSpec;
  /** The manifest as it will be; null where the artifact is yet to be made. */
  readonly rows: Manifest | null;
  /** Of the manifest that this builds on; null where there is none. */
  readonly onSha256: string | null;
  /** The row that is new, where one is. */
  readonly row: ManifestRow | null;
  /** The rows are the bucket's: what it has is this dataset's own. */
  readonly putBack?: true;
  /** What stands there stays beside it under this name. */
  readonly keepAs?: string;
}

/** The manifest, the only truth about artifacts, and `state.env`, derived from it. */
export const register: Reconciler<Input> = {
  kind: "register",
  diff: (view) => {
    const { spec, facts, course, cloud } = view;
    const replacement = replacementOf(view);
    const ready = replacement?.kind === "ready" ? replacement : null;
    const problems = ready === null ? manifestProblems(view, replacement) : [];
    if (problems.length > 0) return { problems };
    if (view.restore !== null)
      return {
        actions: ready === null || view.recovered.kind === "known" ? putBack(view) : [replace(view, ready)],
      };
    const reads = facts.manifest.kind === "known" && ready === null ? facts.manifest.value : null;
    const base = { onSha256: reads?.sha256 ?? null, dataset: spec };
    const actions = course.pending.map(({ label, made }, index) => {
      const complete = made !== null && index === 0;
      return addRow(spec, label, { ...base, row: made, rows: complete ? [...course.rows, made] : null });
    });
    const keyed = course.rows.map((row) => ({ ...row, objectKey: declaredKey(spec, cloud?.spec, row) }));
    const unsigned = reads === null ? null : whyRewrite(view, reads.signature);
    const moved = course.rows.filter((row, index) => row.objectKey !== keyed[index]?.objectKey);
    if (ready !== null) actions.unshift(replace(view, ready));
    else if (moved.length > 0 && cloud !== null)
      actions.unshift(
        rewrite(
          spec,
          { ...base, row: null, rows: keyed },
          `${plural(moved.length, "row")} with another object key than the declared bucket gives`,
        ),
      );
    else if (unsigned !== null)
      actions.unshift(rewrite(spec, { ...base, row: null, rows: course.rows }, unsigned));
    else if (reads !== null && !stateEnvFits(view))
      actions.unshift(
        rewrite(
          spec,
          { ...base, row: null, rows: course.rows },
          "state.env does not say what the manifest says",
        ),
      );
    return {
      actions,
      warnings: course.rows
        .filter((row) => sourceOf(row, view) !== "server" && sourceOf(row, view) !== "bucket")
        .filter((row) => copiesOf(row, view).bucket !== "archived")
        .map((row) => lost(view, row)),
    };
  },
  run: async (action, tools) => {
    const { dataset, putBack, rows, ...write } = action.input;
    if (rows === null) throw new RangeError(`${action.id} has nothing to register`);
    const host = tools.host(action.host);
    const written = (last = "") => writeManifest(host, dataset, { ...write, rows, last });
    await (putBack ? adopting(host, dataset, sha256Of(renderManifest(rows)), written) : written());
    return null;
  },
};

export const registerId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("register", spec.name, label);
/** What everything that reads the manifest's rows as they are declared waits for. */
export const manifestId = (spec: DatasetSpec): ActionId => actionId("manifest", spec.name);

/**
 * Where the server has lost its manifest, the bucket's, which the escrowed key signs anew; and the last steps of such
 * a write that was cut off.
 */
function putBack({ spec, facts, course, recovered }: View): Action<Input>[] {
  if (facts.manifest.kind === "known") {
    const { sha256, signature } = facts.manifest.value;
    const cutOff = signature === "ahead" || (signature === "good" && facts.stateEnv.kind === "absent");
    if (!cutOff) return [];
    const input = { onSha256: sha256, dataset: spec, row: null, rows: course.rows };
    return [
      rewrite(
        spec,
        isAdopted(facts.pushedManifest) ? { ...input, putBack: true } : input,
        "an earlier write of the manifest was cut off before its last step",
      ),
    ];
  }
  if (facts.manifest.kind !== "absent" || recovered.kind !== "known") return [];
  const action = rewrite(
    spec,
    { onSha256: null, dataset: spec, row: null, rows: course.rows, putBack: true },
    `${spec.server} has lost it; the bucket's has ${plural(course.rows.length, "row")}, the newest ${course.rows.at(-1)?.label}, and a good signature of ${recovered.value.fingerprint}`,
  );
  return [
    {
      ...action,
      change: "create",
      summary: `put the manifest of ${spec.name} back from the bucket`,
    },
  ];
}

/** The bucket's manifest, proven, in place of one that is gone or can't be read; what stands there is kept. */
function replace(
  { spec, facts, takenAt }: View,
  { rows, sha256, hazard, because }: Extract<Replacement, { kind: "ready" }>,
): Action<Input> {
  const there = facts.manifest.kind === "known" ? facts.manifest.value : null;
  const keepAs = formatStamp(takenAt);
  const onSha256 = there?.sha256 ?? null;
  const input = { onSha256, dataset: spec, row: null, rows, putBack: true as const };
  const wrong =
    there?.reading.kind === "damaged"
      ? `the one on ${spec.server} is damaged (line ${there.reading.line}: ${there.reading.why})`
      : `${spec.server} has lost it`;
  return {
    ...rewrite(
      spec,
      there === null ? input : { ...input, keepAs },
      `${wrong}; the bucket's has ${plural(rows.length, "row")}, the newest ${rows.at(-1)?.label}, and a good signature; ${because}`,
    ),
    change: there === null ? "create" : "update",
    hazard,
    ...(hazard === "none" ? {} : { exitCode: 6 as const }),
    summary: `put the manifest of ${spec.name} back from the bucket`,
    details: [
      manifestFile(spec),
      ...(there === null ? [] : [`what stands there is kept as ${manifestFile(spec)}.before-${keepAs}`]),
    ],
    assumes: { manifest: onSha256, bucket: sha256 },
  };
}

const addRow = (spec: DatasetSpec, label: Label, input: Input): Action<Input> =>
  propose("register", spec, {
    id: registerId(spec, label),
    host: spec.server,
    label,
    stage: "register",
    change: "create",
    summary: `register ${snapshotName(spec.name, label)} in the manifest`,
    reason:
      input.row === null ? "its artifact is new" : "its artifact is there and proven, and has no row yet",
    needs: [artifactId(spec, label), manifestId(spec), signKeyId(spec)],
    assumes: { manifest: input.rows === null ? null : input.onSha256 },
    input,
  });

const rewrite = (spec: DatasetSpec, input: Input, reason: string): Action<Input> =>
  propose("register", spec, {
    id: manifestId(spec),
    host: spec.server,
    stage: "register",
    change: "update",
    summary: `bring the manifest of ${spec.name} and its state.env into line`,
    reason,
    needs: [packagesId(spec.server), signKeyId(spec)],
    assumes: { manifest: input.onSha256 },
    input,
  });

/** What is whole nowhere, and what that means; snapshots that stand are not lost with it. */
function lost(view: View, row: ManifestRow): Warning {
  const { spec, course } = view;
  const hydrated = hydratedLabels(view);
  const costs = labelsResting(
    course.rows,
    row.label,
    (label) => hydrated.kind === "known" && hydrated.value.has(label),
  );
  const named = (labels: readonly Label[]) => `${plural(labels.length, "label")}: ${labels.join(", ")}`;
  const cost =
    costs.length === 0
      ? `its snapshot still stands on ${spec.server}, and without ${spec.server} it costs ${named(labelsResting(course.rows, row.label))}`
      : `it costs ${named(costs)}`;
  return warning(
    "artifact-lost",
    spec,
    spec.server,
    `${row.localPath} is ${whereabouts(copiesOf(row, view))}; ${cost}. Put it back from another copy: devbackup manifest import DIR`,
  );
}

const declaredKey = (spec: DatasetSpec, cloud: CloudSpec | undefined, row: ManifestRow): string | null =>
  cloud === undefined ? row.objectKey : objectKey(cloud.prefix, refOf(spec.name, row));

const stateEnvFits = ({ spec, facts, course }: View): boolean =>
  facts.stateEnv.kind === "known" && facts.stateEnv.value === renderStateEnv(spec.name, course.rows);

/** What the next write of the manifest makes good without a question; null where its signature is as it should be. */
const whyRewrite = (view: View, signature: SignatureState): string | null =>
  signature === "ahead"
    ? "an earlier write of the manifest was cut off before its last step"
    : signature === "unsigned" || (signature === "missing" && neverSigned(view))
      ? "it is not signed yet"
      : null;
