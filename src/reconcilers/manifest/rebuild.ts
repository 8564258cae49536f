import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { artifactPath, objectKey, parseArtifactFile } from "../../domain/artifact.ts";
import type { Fact } from "../../domain/fact.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { fileName, joinPath, parseSha256 } from "../../domain/names.ts";
import {
  type ArtifactReading,
  differenceOf,
  type Finding,
  isSame,
  type ManifestDifference,
  type Rebuilt,
  rebuild as rebuildRows,
} from "../../domain/rebuild.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatStamp, plural } from "../../domain/units.ts";
import type { Action } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose } from "../answer.ts";
import { cloudKey } from "../artifact/copies.ts";
import { intoRepositoryScript, tmpOfFetched } from "../artifact/fetch.ts";
import { readArtifact } from "../artifact/read-artifact.ts";
import { keyId } from "../keys/keys.ts";
import { signKeyId } from "../keys/sign-key.ts";
import { layoutId } from "../machine/layout.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { asideFolder, type ManifestFacts, manifestFile } from "./store.ts";
import { writeManifest } from "./write-manifest.ts";

/** What to type where it was cut off. */
const REBUILD = "devbackup manifest rebuild";

/** An artifact by its name that nobody has read yet. */
export type Candidate = Omit<Finding, "ts" | "reading"> & {
  readonly sizeBytes: number;
  /** Of an object, when it was put there: RFC 3339, UTC. */
  readonly ts: string | null;
};

/** Everything below `artifacts/` that has the name of an artifact, wherever it lies. */
export const candidatesOnServer = ({ spec, facts }: View): Candidate[] =>
  facts.store.kind !== "known"
    ? []
    : [...facts.store.value.files].flatMap(([path, sizeBytes]) => {
        const ref = parseArtifactFile(spec.name, fileName(path));
        return ref === undefined ? [] : [{ ref, place: "server" as const, path, sizeBytes, ts: null }];
      });

/** Objects under the key of an artifact of which `findings` have no whole one. */
export function candidatesInBucket({ spec, cloud }: View, findings: readonly Finding[]): Candidate[] {
  if (cloud?.bucket.kind !== "known") return [];
  const whole = new Set(findings.filter(({ reading }) => reading.kind === "whole").map(({ path }) => path));
  return [...cloud.bucket.value.objects.values()].flatMap(({ key, sizeBytes, lastModified }) => {
    const ref = parseArtifactFile(spec.name, fileName(key));
    if (ref === undefined || objectKey(cloud.spec.prefix, ref) !== key) return [];
    const path = artifactPath(ref);
    return whole.has(path)
      ? []
      : [{ ref, place: "bucket" as const, path, sizeBytes, ts: lastModified.toISOString() }];
  });
}

/** Reads an artifact of the repository. */
export async function readOnServer(spec: DatasetSpec, candidate: Candidate, tools: Tools): Promise<Finding> {
  const file = joinPath(spec.repository, candidate.path);
  return { ...candidate, ...(await readArtifact(tools.host(spec.server), spec, file, tools.signal)) };
}

/**
 * Fetches an object into `tmp/`, where the next apply would look for it too, and reads it there. The hash that it is
 * fetched by is the object's own note: it tells a broken download, and nothing about who wrote the object.
 */
export async function readFromBucket(view: View, candidate: Candidate, tools: Tools): Promise<Finding> {
  const { spec, cloud } = view;
  if (cloud === null || candidate.ts === null) throw new RangeError(`${candidate.path} is no object`);
  const [host, bucket] = [tools.host(spec.server), await tools.bucket()];
  const key = cloudKey(cloud.spec, spec, candidate.ref);
  const found = (reading: ArtifactReading): Finding => ({ ...candidate, ts: candidate.ts ?? "", reading });
  // other programs store none: then age, which authenticates every chunk, tells a broken download
  const sha256 = parseSha256((await bucket.head(key))?.sha256 ?? "") ?? null;
  const file = tmpOfFetched(spec, candidate);
  try {
    const { sizeBytes } = candidate;
    const onProgress = (bytes: number) => tools.progress(bytes, sizeBytes);
    await bucket.download(host, { key, file, sizeBytes, sha256, signal: tools.signal, onProgress });
  } catch (error) {
    if (!(error instanceof DevbackupError) || error.trouble.exitCode !== 6) throw error;
    return found({ kind: "damaged", why: error.trouble.why ?? error.trouble.what });
  }
  return found((await readArtifact(host, spec, file, tools.signal)).reading);
}

/** What the artifacts come to, beside the manifest that stands. */
export interface Study {
  readonly rebuilt: Rebuilt;
  readonly difference: ManifestDifference;
  /** Of the manifest that stands; null where there is none, and rows can't be compared. */
  readonly before: Manifest | null;
}

export function study({ facts, cloud }: View, findings: readonly Finding[]): Study {
  const before = rowsOf(facts.manifest);
  const keyOf = (ref: Finding["ref"]) => (cloud === null ? null : objectKey(cloud.spec.prefix, ref));
  const rebuilt = rebuildRows(findings, before ?? [], keyOf);
  return { rebuilt, difference: differenceOf(before ?? [], rebuilt.rows), before };
}

const rowsOf = (manifest: Fact<ManifestFacts>): Manifest | null =>
  manifest.kind === "known" && manifest.value.reading.kind === "valid" ? manifest.value.reading.rows : null;

interface Input {
  readonly dataset: DatasetSpec;
  readonly rebuilt: Rebuilt;
  readonly onSha256: string | null;
  readonly keepAs: string;
}

/** Null where the manifest that stands says the same, and is signed or waits for no more than an apply to sign it. */
export function rebuildAction(view: View, { rebuilt, difference, before }: Study): Action<Input> | null {
  const { spec, facts, takenAt } = view;
  const stands = facts.manifest.kind === "known" ? facts.manifest.value : null;
  const inDoubt = stands !== null && ["wrong", "missing"].includes(stands.signature);
  if (before !== null && isSame(difference) && !inDoubt) return null;
  const { added, dropped, changed } = difference;
  const keepAs = formatStamp(takenAt);
  const why =
    stands === null
      ? "there is none"
      : before === null
        ? "the one that stands cannot be read"
        : isSame(difference)
          ? `its rows are what the artifacts say; its signature is ${stands.signature}`
          : `${plural(added.length, "row")} more, ${dropped.length} less, ${changed.length} changed`;
  return propose("rebuild", spec, {
    id: actionId("rebuild", spec.name),
    host: spec.server,
    stage: "register",
    change: stands === null ? "create" : "update",
    hazard: "destructive",
    summary: `write the manifest of ${spec.name} anew with ${plural(rebuilt.rows.length, "row")}, and sign it`,
    reason: why,
    details: [
      "artifacts say what they hold, not who made them: the signature is your word that these are the right ones",
      ...(stands === null ? [] : [`what stands there is kept as ${manifestFile(spec)}.before-${keepAs}`]),
    ],
    needs: [layoutId(spec, spec.server), keyId(spec), signKeyId(spec)],
    assumes: { manifest: stands?.sha256 ?? null },
    input: { dataset: spec, rebuilt, onSha256: stands?.sha256 ?? null, keepAs },
  });
}

/** The artifacts first, as in {@link runMigrate}: what is cut off here is found in its place, or still in `tmp/` and the bucket. */
export async function runRebuild({ host: name, input }: Action<Input>, tools: Tools): Promise<string> {
  const { dataset, rebuilt, onSha256, keepAs } = input;
  const { rows, from } = rebuilt;
  const host = tools.host(name);
  tools.assertHeld();
  for (const { path } of [...from.values()].filter(({ place }) => place === "bucket"))
    await expectSuccess(host, takeInScript(dataset, path), {
      code: "fetch-failed",
      what: `${path} could not be put into the repository`,
      state: "The artifact is in tmp/ and in the bucket, and the manifest is as it was",
      next: REBUILD,
    });
  await writeManifest(host, dataset, { rows, settles: true, onSha256, keepAs, next: REBUILD });
  return `${plural(rows.length, "row")}, the newest ${rows.at(-1)?.label ?? "none"}`;
}

function takeInScript(spec: DatasetSpec, path: string): string {
  const [tmp, file] = [tmpOfFetched(spec, { path }), joinPath(spec.repository, path)];
  const same = sh`if cmp -s ${tmp} ${file}; then rm -f -- ${tmp}; exit 0; fi`;
  return `${same}${intoRepositoryScript(tmp, file, asideFolder(spec))}`;
}
