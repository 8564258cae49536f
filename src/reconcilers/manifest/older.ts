import type { AbsolutePath } from "../../domain/names.ts";
import { neverSigned } from "../keys/sign-key.ts";
import type { View } from "../view.ts";
import { manifestFile, olderManifestFile } from "./store.ts";

/**
 * Which file an older tool's manifest would be. Null where the manifest is of this version and has rows, or is one that
 * was signed here: what is wrong with that is no matter of its age.
 */
export function olderFile(view: View): AbsolutePath | null {
  const { spec, facts } = view;
  if (facts.manifest.kind !== "known")
    return facts.manifest.kind === "absent" ? olderManifestFile(spec) : null;
  const { reading, signature } = facts.manifest.value;
  if (reading.kind === "valid") return reading.rows.length === 0 ? olderManifestFile(spec) : null;
  const unsigned = signature === "unsigned" || (signature === "missing" && neverSigned(view));
  return unsigned ? manifestFile(spec) : null;
}

/** The older tool's manifest that is there, by what the probes saw; null where there is none. */
export function olderThere(view: View): AbsolutePath | null {
  const { spec, facts } = view;
  const file = olderFile(view);
  const there =
    file === olderManifestFile(spec)
      ? facts.store.kind === "known" && facts.store.value.older === true
      : facts.manifest.kind === "known" && facts.manifest.value.older === true;
  return there ? file : null;
}
