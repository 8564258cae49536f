import type { DatasetSpec, DesiredState } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import { compareLabels } from "../../domain/label.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { knownSigner, remember, type Seen } from "../../domain/memory.ts";
import type { DatasetName, Signer } from "../../domain/names.ts";
import type { Problem } from "../../plan/plan.ts";
import { fingerprintOf } from "../../transport/hash.ts";
import { damage, problem } from "../answer.ts";
import type { Observation } from "../facts.ts";
import { manifestFile, registered } from "../manifest/store.ts";
import type { View } from "../view.ts";
import { signerThere, signKeyFile } from "./signature.ts";

/** See {@link knownSigner}. */
export const signerOf = ({ desired, spec, memory }: View): Signer | null =>
  knownSigner(desired.signers, spec.name, memory);

/** Of each dataset that was looked at, the newest row of its manifest; only where the server has signed it. */
export const newestSigned = (
  observed: Pick<Observation, "datasets"> | undefined,
): ReadonlyMap<DatasetName, ManifestRow> =>
  new Map(
    [...(observed?.datasets ?? [])].flatMap(([name, { manifest }]) => {
      const signed = manifest.kind === "known" && manifest.value.signature === "good";
      const row = signed ? registered(manifest).at(-1) : undefined;
      return row === undefined ? [] : [[name, row] as const];
    }),
  );

/** What is to be remembered after this look; null where nothing is new, or nothing was seen with a good signature. */
export function newlySeen(desired: DesiredState, spec: DatasetSpec, observed: Observation): Seen | null {
  const facts = observed.datasets.get(spec.name);
  const memory = observed.memory.get(spec.name);
  if (facts?.manifest.kind !== "known" || facts.signKey.kind !== "known" || memory?.kind !== "known")
    return null;
  const { reading, signature, sha256 } = facts.manifest.value;
  const signer = signerThere(facts.signKey.value);
  const declared = desired.signers.get(spec.name) ?? signer;
  if (signature !== "good" || reading.kind !== "valid" || signer === null || signer !== declared) return null;
  const row = reading.rows.at(-1);
  const newest = row === undefined ? null : { label: row.label, ts: row.ts, manifestSha256: sha256 };
  const { signer: was, newest: before } = memory.value;
  const seen = remember({ signer: was, newest: before }, { signer, newest });
  return JSON.stringify(seen) === JSON.stringify({ signer: was, newest: before }) ? null : seen;
}

/** What the server shows now and what was declared, or seen before, that can't both be true. */
export function memoryProblems(view: View): Problem[] {
  const { spec, memory } = view;
  if (memory.kind !== "known")
    return [
      problem(
        "memory-unreadable",
        spec,
        null,
        `what this machine has seen of ${spec.name} before cannot be read: ${memory.kind === "unknown" ? memory.why : "it is not there"}`,
        "put the file right, or move it away: then it is learnt anew from what is there now",
      ),
    ];
  const seenFile = `${memory.value.folder}/seen.json`;
  return [...otherSigner(view, seenFile), ...rolledBack(view, seenFile)];
}

function otherSigner(view: View, seenFile: string): Problem[] {
  const { desired, spec, facts } = view;
  const wanted = signerOf(view);
  const there = facts.signKey.kind === "known" ? signerThere(facts.signKey.value) : null;
  if (wanted === null || there === null || there === wanted) return [];
  const allow = desired.signers.has(spec.name)
    ? `change encryption.signers.${spec.name} to: ${there}`
    : `move ${seenFile} away, and it is learnt anew`;
  return [
    damage(
      "signer-changed",
      spec,
      spec.server,
      `the manifest of ${spec.name} is signed there by ${fingerprintOf(there)}, and not by ${fingerprintOf(wanted)}, the signer that is known here`,
      `move ${signKeyFile(spec)} and the .pub beside it away, and devbackup apply --restore latest --identity FILE puts the known one back; or, if you changed it yourself, ${allow}`,
    ),
  ];
}

function rolledBack({ spec, facts, course, memory }: View, seenFile: string): Problem[] {
  const seen = memory.kind === "known" ? memory.value.newest : null;
  const { manifest } = facts;
  if (seen === null || manifest.kind === "unknown") return [];
  if (manifest.kind === "known" && manifest.value.reading.kind === "damaged") return [];
  const newest = course.rows.at(-1)?.label;
  if (newest !== undefined && compareLabels(newest, seen.label) >= 0) return [];
  if (manifest.kind === "absent" && newest === undefined)
    return [
      damage(
        "manifest-rolled-back",
        spec,
        spec.server,
        `there is no manifest of ${spec.name}, and this machine has seen it with ${snapshotName(spec.name, seen.label)}: is the disk mounted?`,
        `where it is lost: devbackup plan --restore latest --identity FILE; to begin anew on purpose, move ${seenFile} on this machine away`,
      ),
    ];
  const stands = newest === undefined ? "has no row" : `ends at ${newest}`;
  return [
    damage(
      "manifest-rolled-back",
      spec,
      spec.server,
      `the manifest of ${spec.name} ${stands}, and this machine has seen it with ${snapshotName(spec.name, seen.label)}: it is an older one`,
      `move ${manifestFile(spec)} away there, and devbackup apply --restore latest --identity FILE puts the bucket's back; if it is older on purpose, move ${seenFile} on this machine away`,
    ),
  ];
}
