import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { AbsolutePath, Sha256 } from "../../domain/names.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { manifestFile } from "../manifest/store.ts";
import { expectSuccess, replaceFile, SCRATCH } from "../run-script.ts";
import { escrowFile, testedNote } from "./escrow-files.ts";
import { identityFile } from "./key-files.ts";
import { signatureFile } from "./signature.ts";

/** A file of the server, byte for byte; for small ones. The shell's answer is text, so it travels as base64. */
export async function readBytes(host: Host, file: AbsolutePath): Promise<Buffer> {
  const read = await expectSuccess(host, sh`base64 <${file}`, {
    code: "file-unread",
    what: `${file} could not be read`,
  });
  return Buffer.from(read.stdout, "base64");
}

export const readEscrowBytes = (host: Host, spec: DatasetSpec): Promise<Buffer> =>
  readBytes(host, escrowFile(spec));

/** The manifest and its signature as they stand. */
export interface Signed {
  readonly manifest: Buffer;
  readonly signature: string;
}

export async function readSigned(host: Host, spec: DatasetSpec): Promise<Signed> {
  const [manifest, signature] = await Promise.all([
    readBytes(host, manifestFile(spec)),
    readBytes(host, signatureFile(spec)),
  ]);
  return { manifest, signature: signature.toString("latin1") };
}

/** What `bytes` are to the server's identity, which opens them where it lies. Text; for small files. */
export async function decryptThere(
  host: Host,
  spec: DatasetSpec,
  bytes: Uint8Array,
): Promise<{ readonly text: string } | { readonly why: string }> {
  const { exitCode, stdout, stderr } = await host.run(sh`age -d -i ${identityFile(spec)}`, { stdin: bytes });
  return exitCode === 0 ? { text: stdout } : { why: stderr.trim() || `exit code ${exitCode}` };
}

/** Where an artifact can be read: on the server, or through an address of the bucket, which is a secret. */
export type ArtifactPlace =
  | { readonly kind: "server"; readonly file: AbsolutePath }
  | { readonly kind: "bucket"; readonly url: string };

/** More than the header and the first 64 KiB that age gives out (age-encryption.org/v1, STREAM). */
const BEGINNING_BYTES = 1 << 20;
/** RFC 8878, section 3.1.1. */
const ZSTD = "28b52ffd";

/**
 * Whether `identity` opens the artifact: age gives out its beginning, checked, and that is a zstd frame. Runs on the
 * server, which has the artifact and age; the identity reaches it on stdin and stands in no file. Null where it
 * does, else why not.
 * @throws DevbackupError where the host or the bucket can't be read
 */
export async function whyUnopened(
  host: Host,
  place: ArtifactPlace,
  identity: string,
): Promise<string | null> {
  const at = place.kind === "server" ? place.file : "";
  const script = `${SCRATCH}${sh`
IFS= read -r url
f=${at}
if [ -z "$f" ]; then
  f=$w/beginning
  printf 'url = "%s"\n' "$url" | curl -sSf -r 0-${BEGINNING_BYTES - 1} -K - -o "$f"
fi
age -d -i - "$f" 2>"$w/said" | head -c 4 >"$w/first"
od -An -v -tx1 <"$w/first" | tr -d ' \n'; echo
cat -- "$w/said"`}`;
  const { stdout } = await expectSuccess(host, script, {
    code: "artifact-unread",
    what: "the newest artifact could not be read",
    next: "devbackup plan",
    stdin: `${place.kind === "bucket" ? place.url : ""}\n${identity}\n`,
  });
  const [first = "", ...said] = stdout.split("\n");
  if (first === ZSTD) return null;
  return first === "" ? said.join("\n").trim() : `it does not begin as a zstd stream does: ${first}`;
}

/** Notes on the server that the escrow of this hash was opened, and what it holds proven. */
export async function noteTested(host: Host, spec: DatasetSpec, sha256: Sha256, now: Date): Promise<void> {
  const note = testedNote(spec);
  await expectSuccess(host, `umask 027${replaceFile(note)}`, {
    code: "test-unnoted",
    what: `the test could not be noted in ${note}`,
    stdin: `${now.toISOString()} ${sha256}\n`,
    next: "devbackup keys test --identity FILE",
  });
}
