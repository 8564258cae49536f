/**
 * Names that have been checked once, at the door, and are trusted inside. Each is a string that only its
 * parser makes; a bare string does not pass for one.
 */
declare const brand: unique symbol;
export type Brand<Value, Name extends string> = Value & { readonly [brand]: Name };

/** A host's key under `hosts:`. */
export type HostName = Brand<string, "HostName">;
/** A dataset's key under `datasets:`; the NAME in `NAME@LABEL`. */
export type DatasetName = Brand<string, "DatasetName">;
/** An absolute path without `.`, `..`, doubled or trailing slashes, or control characters. */
export type AbsolutePath = Brand<string, "AbsolutePath">;
/** 64 lower-case hexadecimal digits. */
export type Sha256 = Brand<string, "Sha256">;
/** An age recipient, `age1…` (X25519). */
export type AgeRecipient = Brand<string, "AgeRecipient">;
/** The public half of a sign key, `ssh-ed25519 AAAA…`, without its comment. */
export type Signer = Brand<string, "Signer">;

const NAME = /^[a-z0-9][a-z0-9_-]{0,31}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const AGE_RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/;
/** 51 bytes, the first 19 of which say what the other 32 are (RFC 8709). */
const SIGNER = /^(ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43})( .*)?$/;

/** Undefined where `text` is not 1 to 32 lower-case letters, digits, `-` or `_`, beginning with a letter or digit. */
export const parseHostName = (text: string): HostName | undefined =>
  NAME.test(text) ? (text as HostName) : undefined;

/** The same rule as for hosts: the name becomes part of file names, object keys and snapshot names. */
export const parseDatasetName = (text: string): DatasetName | undefined =>
  NAME.test(text) ? (text as DatasetName) : undefined;

/** Undefined where `text` is not absolute and canonical; see {@link AbsolutePath}. The root itself is refused. */
export function parseAbsolutePath(text: string): AbsolutePath | undefined {
  if (!text.startsWith("/") || text.length < 2 || text.endsWith("/")) return undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused here
  if (/[\u0000-\u001f\u007f]/.test(text)) return undefined;
  const segments = text.slice(1).split("/");
  return segments.some((segment) => segment === "" || segment === "." || segment === "..")
    ? undefined
    : (text as AbsolutePath);
}

/** `inside` may be several segments long. */
export const joinPath = (folder: AbsolutePath, ...inside: readonly string[]): AbsolutePath =>
  [folder, ...inside].join("/") as AbsolutePath;

/** The last segment of a path, absolute or not. */
export const fileName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** The folder that holds `path`. */
export const parentOf = (path: AbsolutePath): AbsolutePath =>
  (path.slice(0, path.lastIndexOf("/")) || "/") as AbsolutePath;

export const parseSha256 = (text: string): Sha256 | undefined =>
  SHA256.test(text) ? (text as Sha256) : undefined;

/** Checks the shape (prefix, alphabet, length), not the checksum: age itself refuses a mistyped one. */
export const parseAgeRecipient = (text: string): AgeRecipient | undefined =>
  AGE_RECIPIENT.test(text) ? (text as AgeRecipient) : undefined;

/** Of a line as `ssh-keygen` writes it into a `.pub`; a comment at its end is left out. */
export const parseSigner = (text: string): Signer | undefined => SIGNER.exec(text)?.[1] as Signer | undefined;
