import type { Manifest } from "./manifest.ts";
import type { Sha256 } from "./names.ts";

/** The bucket's manifest, looked into where the server has lost its own or can't read it. */
export type ManifestCopy =
  /** The server's own identity opens it, and the signature beside it is good: by the known signer, of these bytes. */
  | { readonly kind: "signed"; readonly rows: Manifest; readonly sha256: Sha256 }
  /** It is no manifest that counts. */
  | { readonly kind: "refused"; readonly why: string };
