import { datasetKeys, snapshotName } from "../../domain/artifact.ts";
import type { AbsolutePath } from "../../domain/names.ts";
import { neverSigned } from "../keys/sign-key.ts";
import type { View } from "../view.ts";
import { manifestFile, olderManifestFile } from "./store.ts";

/**
 * Which file an older tool's manifest would be. Null where the manifest is of this version and has rows, or where one was
 * signed here: what is wrong with that, its loss too, is no matter of its age, and what an older tool left is of before it.
 */
export const olderFile = (view: View): AbsolutePath | null =>
  signedSince(view) === null ? placeOf(view) : null;

/** The older tool's manifest that is there, by what the probes saw; null where there is none. */
export const olderThere = (view: View): AbsolutePath | null =>
  signedSince(view) === null ? seenAt(view) : null;

/** The same where it is no manifest any more, and what says so. */
export function olderLeftOver(view: View): { readonly file: AbsolutePath; readonly why: string } | null {
  const [file, why] = [seenAt(view), signedSince(view)];
  return file === null || why === null ? null : { file, why };
}

/** What says that a manifest of this version was signed for this dataset; null where nothing does. */
function signedSince(view: View): string | null {
  const { spec, memory, cloud } = view;
  const seen = memory.kind === "known" ? memory.value.newest : null;
  if (seen !== null)
    return `this machine has seen one that was signed, with ${snapshotName(spec.name, seen.label)}`;
  if (
    cloud?.bucket.kind === "known" &&
    cloud.bucket.value.objects.has(datasetKeys(cloud.spec.prefix, spec.name).signature)
  )
    return "the bucket holds one that was signed";
  const signature = signatureOf(view);
  if (signature === "unsigned" || (signature === "missing" && neverSigned(view))) return null;
  return signature === "missing" ? "a key that signs it is known" : "its signature is there";
}

/** Also where the manifest that it was made of is gone. */
function signatureOf({ facts: { manifest, store } }: View): string {
  if (manifest.kind === "known") return manifest.value.signature;
  if (store.kind !== "known") return "missing";
  return store.value.signature ? "there" : store.value.keyIsYounger ? "unsigned" : "missing";
}

function placeOf({ spec, facts: { manifest } }: View): AbsolutePath | null {
  if (manifest.kind === "unknown") return null;
  if (manifest.kind === "absent") return olderManifestFile(spec);
  const { reading } = manifest.value;
  if (reading.kind === "damaged") return manifestFile(spec);
  return reading.rows.length === 0 ? olderManifestFile(spec) : null;
}

function seenAt(view: View): AbsolutePath | null {
  const { spec, facts } = view;
  const file = placeOf(view);
  const there =
    file === olderManifestFile(spec)
      ? facts.store.kind === "known" && facts.store.value.older === true
      : facts.manifest.kind === "known" && facts.manifest.value.older === true;
  return there ? file : null;
}
