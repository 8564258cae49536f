import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { artifactPath, objectKey } from "../domain/artifact.ts";
import { known } from "../domain/fact.ts";
import { parentIn } from "../domain/lineage.ts";
import type { Manifest, ManifestRow } from "../domain/manifest.ts";
import { viewOf } from "../reconcilers/diff-all.ts";
import type { DatasetFacts, Observation } from "../reconcilers/facts.ts";
import { BYTES, SHA256 } from "../reconcilers/recorder.ts";
import type { Request } from "../reconcilers/request.ts";
import type { View } from "../reconcilers/view.ts";

/** What will be there once the artifacts that are due are made; then, once they are registered. Sizes and hashes are stand-ins. */
export function laterOn(desired: DesiredState, observed: Observation, request: Request): Observation[] {
  const then = (change: (view: View, rows: Manifest) => Partial<DatasetFacts>): Observation => ({
    ...observed,
    datasets: new Map(
      desired.datasets.map((spec) => [spec.name, changed(spec, desired, observed, request, change)]),
    ),
  });
  return [then(made), then((view, rows) => ({ ...made(view, rows), ...registered(view, rows) }))];
}

function changed(
  spec: DatasetSpec,
  desired: DesiredState,
  observed: Observation,
  request: Request,
  change: (view: View, rows: Manifest) => Partial<DatasetFacts>,
): DatasetFacts {
  const found = viewOf(desired, spec, observed, request);
  const facts = observed.datasets.get(spec.name);
  if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
  return found.kind === "view" ? { ...facts, ...change(found.view, dueRows(found.view)) } : facts;
}

const dueRows = ({ spec, course, cloud, takenAt }: View): Manifest =>
  course.pending.map(({ label, decision, made }): ManifestRow => {
    const parent = parentIn(decision);
    const ref = { dataset: spec.name, label, parent };
    return (
      made ?? {
        ts: takenAt.toISOString(),
        label,
        parent,
        sizeBytes: BYTES,
        sha256: SHA256,
        localPath: artifactPath(ref),
        objectKey: cloud === null ? null : objectKey(cloud.spec.prefix, ref),
      }
    );
  });

function made({ facts: { store } }: View, rows: Manifest): Partial<DatasetFacts> {
  const now =
    store.kind === "known"
      ? store.value
      : { files: new Map(), made: [], begunUploads: new Map(), fetched: new Map(), damaged: new Map() };
  const files = new Map([
    ...now.files,
    ...rows.map(({ localPath, sizeBytes }) => [localPath, sizeBytes] as const),
  ]);
  return { store: known({ ...now, files, made: rows }) };
}

const registered = ({ course }: View, rows: Manifest): Partial<DatasetFacts> => ({
  manifest: known({
    sha256: SHA256,
    reading: { kind: "valid", rows: [...course.rows, ...rows] },
    signature: "good",
    signatureSha256: SHA256,
  }),
});
