import type { CloudSpec, DatasetSpec } from "../desired-state/desired-state.ts";
import { datasetKeys, objectKey, snapshotName } from "../domain/artifact.ts";
import type { Label } from "../domain/label.ts";
import {
  type Manifest,
  type ManifestRow,
  refOf,
  renderManifest,
  renderStateEnv,
} from "../domain/manifest.ts";
import { plural } from "../domain/units.ts";
import type { Action, ActionId, Warning } from "../plan/plan.ts";
import { sha256Of } from "../transport/hash.ts";
import { artifactId } from "./artifact.ts";
import { sourceOf } from "./copies.ts";
import { packagesId } from "./packages.ts";
import { adopting, isAdopted } from "./pushed-manifest.ts";
import {
  type Answer,
  actionId,
  damage,
  problem,
  propose,
  type Reconciler,
  unknownProblem,
  type View,
  warning,
} from "./reconciler.ts";
import { neverSigned, signKeyId } from "./sign-key.ts";
import type { SignatureState } from "./signature.ts";
import { looksLikeArtifact, manifestFile, strangers } from "./store.ts";
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
}

/** The manifest, the only truth about artifacts, and `state.env`, derived from it. */
export const register: Reconciler<Input> = {
  kind: "register",
  diff: (view) => {
    const { spec, facts, course, cloud } = view;
    const broken = unreadable(view);
    if (broken !== null) return broken;
    if (view.restore !== null) return { actions: putBack(view) };
    const reads = facts.manifest.kind === "known" ? facts.manifest.value : null;
    const base = { onSha256: reads?.sha256 ?? null, dataset: spec };
    const actions = course.pending.map(({ label, made }, index) => {
      const complete = made !== null && index === 0;
      return addRow(spec, label, { ...base, row: made, rows: complete ? [...course.rows, made] : null });
    });
    const keyed = course.rows.map((row) => ({ ...row, objectKey: declaredKey(spec, cloud?.spec, row) }));
    const unsigned = reads === null ? null : whyRewrite(view, reads.signature);
    const moved = course.rows.filter((row, index) => row.objectKey !== keyed[index]?.objectKey);
    if (moved.length > 0 && cloud !== null)
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
        .map((row) => lost(spec, row)),
    };
  },
  run: async (action, tools) => {
    const { dataset, rows, onSha256, row, putBack } = action.input;
    if (rows === null) throw new RangeError(`${action.id} has nothing to register`);
    const host = tools.host(action.host);
    const write = () => writeManifest(host, dataset, { rows, onSha256, row });
    await (putBack ? adopting(host, dataset, sha256Of(renderManifest(rows)), write) : write());
    return null;
  },
};

export const registerId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("register", spec.name, label);
/** What everything that reads the manifest's rows as they are declared waits for. */
export const manifestId = (spec: DatasetSpec): ActionId => actionId("manifest", spec.name);

function unreadable(view: View): Answer<Input> | null {
  const { spec, facts, course, restore } = view;
  const { manifest, store } = facts;
  if (manifest.kind === "unknown")
    return { problems: [unknownProblem(spec, spec.server, "the manifest", manifest)] };
  if (store.kind === "unknown")
    return { problems: [unknownProblem(spec, spec.server, "the artifacts", store)] };
  if (manifest.kind === "known" && manifest.value.reading.kind === "damaged") {
    const { line, why } = manifest.value.reading;
    return {
      problems: [
        damage(
          "manifest-damaged",
          spec,
          spec.server,
          `${manifestFile(spec)}:${line}: ${why}`,
          `put back a good copy, or make it again from the artifacts: devbackup manifest rebuild --dataset ${spec.name}; nothing is done on the strength of a damaged one`,
        ),
      ],
    };
  }
  if (manifest.kind !== "absent" || restore !== null) return null;
  if (store.kind !== "known") return foundInBucket(view);
  const orphans = strangers(store.value, course.rows).filter((path) => looksLikeArtifact(spec, path));
  if (orphans.length === 0) return foundInBucket(view);
  return {
    problems: [
      damage(
        "manifest-lost",
        spec,
        spec.server,
        `${manifestFile(spec)} is gone, and ${plural(orphans.length, "artifact")} (${orphans[0]}${orphans.length === 1 ? ") is" : ", …) are"} there`,
        `devbackup apply --restore latest --identity FILE puts it back from the bucket, devbackup manifest rebuild makes it from the artifacts; a new chain is not begun over the old one`,
      ),
    ],
  };
}

/** A server that was wiped, or another one: the dataset has backups already, which a new chain would overwrite. */
function foundInBucket({ spec, cloud }: View): Answer<Input> | null {
  if (cloud?.bucket.kind !== "known") return null;
  const { artifacts, manifest } = datasetKeys(cloud.spec.prefix, spec.name);
  const found = [...cloud.bucket.value.objects.keys()].filter(
    (key) => key === manifest || key.startsWith(artifacts),
  );
  if (found.length === 0) return null;
  return {
    problems: [
      problem(
        "found-in-bucket",
        spec,
        spec.server,
        `the bucket holds backups of ${spec.name} (${plural(found.length, "object")}), and ${spec.server} has no manifest: a new chain is not begun over them`,
        "devbackup plan --restore latest --identity FILE brings them back; to begin anew beside them, declare another prefix",
      ),
    ],
  };
}

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

const lost = (spec: DatasetSpec, { localPath }: ManifestRow): Warning =>
  warning(
    "artifact-lost",
    spec,
    spec.server,
    `${localPath} is missing, or is not what the manifest says: put it back from the bucket or another copy`,
  );

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
