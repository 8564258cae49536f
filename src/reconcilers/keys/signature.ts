import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type AbsolutePath, joinPath, parseSigner, type Signer } from "../../domain/names.ts";
import { fingerprintOf } from "../../transport/hash.ts";
import { sh } from "../../transport/quote.ts";
import type { Probe } from "../probe.ts";
import { type KeyPair, type KeyPairFiles, keyPairProbe } from "./key-files.ts";

/**
 * Of the manifest, by the server's own key. `ahead`: it is that of a newer manifest, whose write was cut off
 * before its last step. `unsigned`: there is none because the key is younger than the manifest. `unknown`: there
 * is one, and nothing to check it with.
 */
export type SignatureState = "good" | "ahead" | "unsigned" | "missing" | "wrong" | "unknown";

/** Beside a signature's place: the manifest there is of a time before there was a key. */
export const FIRST_SUFFIX = ".first";

export const signKeyFile = ({ repository, name }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys", `ls_${name}_sign.key`);
export const signPublicFile = ({ repository, name }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys", `ls_${name}_sign.pub`);
export const signKeyFiles = (spec: DatasetSpec): KeyPairFiles => ({
  key: signKeyFile(spec),
  publicHalf: signPublicFile(spec),
});
export const signatureFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "manifests/snapshots_v2.tsv.sig");

export const signKeyProbe = (spec: DatasetSpec): Probe<KeyPair<Signer>> =>
  keyPairProbe(spec.server, signKeyFiles(spec), ["ssh-keygen", "-y", "-P", "", "-f"], parseSigner);

/** Whose signatures count on the server: by its key, or by what stands beside it where that is gone. */
export const signerThere = ({ derived, published }: KeyPair<Signer>): Signer | null => derived ?? published;

/** The same as `ssh-keygen -l` shows it. */
export const fingerprintThere = (pair: KeyPair<Signer>): string | null => {
  const signer = signerThere(pair);
  return signer === null ? null : fingerprintOf(signer);
};

/**
 * Two functions of sh (ssh-keygen(1), ALLOWED SIGNERS; the namespace keeps a signature of the manifest from passing
 * for one of something else). `signed_by_us FILE`: is what stands there this server's signature of FILE? "" in `$by`
 * where nobody can tell. `sign FILE`: puts one of FILE there, synced, in one step.
 */
export const signatureFunctions = (spec: DatasetSpec): string => sh`
key=${signKeyFile(spec)} sig=${signatureFile(spec)}
by=$(ssh-keygen -y -P '' -f "$key" 2>/dev/null || head -n 1 -- ${signPublicFile(spec)} 2>/dev/null) || by=
signed_by_us() { [ -n "$by" ] && [ -e "$1" ] && [ -e "$sig" ] && signs "$sig" "$1"; }
signs() {
  ssh-keygen -Y verify -I devbackup -n devbackup-manifest -f /dev/fd/3 -s "$1" <"$2" >/dev/null 2>&1 3<<SIGNERS
devbackup namespaces="devbackup-manifest" $by
SIGNERS
}
sign() {
  # where its output finds no room, ssh-keygen ends with 0 all the same, and cat does not
  ssh-keygen -q -Y sign -f "$key" -n devbackup-manifest <"$1" | cat >"$sig.new" || return
  signs "$sig.new" "$1" || { echo "the signature of $1 could not be made" >&2; return 1; }
  sync "$sig.new" && mv -T -- "$sig.new" "$sig" && rm -f -- "$sig"${FIRST_SUFFIX} && sync "$(dirname -- "$sig")"
}
`;

/** Lines of sh behind these functions: a write that was cut off between the two renames of the manifest `$m`, in the folder `$d`, is ended. */
export const END_EARLIER_WRITE = `if ! signed_by_us "$m" && signed_by_us "$m.new"; then mv -T -- "$m.new" "$m"; sync "$d"; fi
`;

/** The same: `$s` is the {@link SignatureState} of the manifest `$m`, and `$m` the newer one where that is `ahead`. */
export const SIGNATURE_STATE = sh`
if [ ! -e "$sig" ]; then
  s=missing
  [ ! -e "$sig"${FIRST_SUFFIX} ] || s=unsigned
elif [ -z "$by" ] || ! command -v ssh-keygen >/dev/null; then s=unknown
elif signed_by_us "$m"; then s=good
elif signed_by_us "$m.new"; then s=ahead m=$m.new
else s=wrong
fi
`;
