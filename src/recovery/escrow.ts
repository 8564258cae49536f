import { type AgeRecipient, type DatasetName, parseSigner, type Signer } from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { type AgeIdentity, openWithIdentities, parseAgeIdentity, recipientOf } from "./age-file.ts";
import { publicHalf } from "./sign-key.ts";

/** What the escrow of one dataset holds; in the controller's memory only. */
export interface OpenedEscrow {
  readonly dataset: DatasetName;
  /** When the server made it: RFC 3339, UTC, seconds. */
  readonly madeAt: string;
  /** What opens every artifact. A secret. */
  readonly backupIdentity: AgeIdentity;
  /** `ls_NAME_backup.key`, byte for byte. A secret. */
  readonly backupKeyFile: string;
  /** Of the backup identity: derived from it, not read. */
  readonly recipient: AgeRecipient;
  /** `ls_NAME_sign.key`, byte for byte. A secret. */
  readonly signKeyFile: string;
  /** Proven to be the public half of the sign key. */
  readonly signer: Signer;
}

/** The escrow's plaintext, as it is written: the files, not yet looked into. */
export interface EscrowText {
  readonly madeAt: string;
  readonly backupKeyFile: string;
  readonly signKeyFile: string;
  readonly signPublicFile: string;
}

/** A real one has 2 KiB and 100 bytes a recovery recipient. Ask the bucket for no more than this. */
export const MOST_ESCROW_BYTES = 64 * 1024;

/**
 * Opens an escrow and looks at everything in it: both keys parse, belong to this dataset and to each other.
 * @throws DevbackupError exit code 6: `escrow-not-ours` where none of the identities opens it,
 *   `escrow-damaged` for whatever else is wrong with it. Neither quotes what is in it.
 */
export async function openEscrow(
  identities: readonly AgeIdentity[],
  bytes: Uint8Array,
  dataset: DatasetName,
): Promise<OpenedEscrow> {
  if (bytes.length > MOST_ESCROW_BYTES)
    throw damaged(dataset, `it has ${bytes.length} bytes, more than any escrow`);
  const opening = await openWithIdentities(identities, bytes);
  if (opening.kind === "damaged") throw damaged(dataset, `it was cut off or changed: ${opening.why}`);
  if (opening.kind === "not-ours") throw notOurs(dataset, await Promise.all(identities.map(recipientOf)));
  const text = parseEscrow(Buffer.from(opening.plaintext).toString("utf8"), dataset);
  const backupIdentity = await onlyIdentity(text.backupKeyFile);
  if (backupIdentity === undefined) throw damaged(dataset, "the age identity in it is not one");
  const signer = parseSigner(text.signPublicFile.trimEnd());
  if (signer === undefined || (await publicHalf(text.signKeyFile)) !== signer)
    throw damaged(dataset, "the sign key in it is none, or not that of its public half");
  return {
    dataset,
    madeAt: text.madeAt,
    backupIdentity,
    backupKeyFile: text.backupKeyFile,
    recipient: await recipientOf(backupIdentity),
    signKeyFile: text.signKeyFile,
    signer,
  };
}

/**
 * Reads the plaintext, to the letter: `devbackup-escrow 1`, `dataset NAME`, `made RFC3339`, then the three key
 * files in order, each `file NAME` and its lines behind `| `, then `end`.
 * @throws DevbackupError `escrow-damaged`
 */
export function parseEscrow(text: string, dataset: DatasetName): EscrowText {
  const lines = text.split("\n");
  let at = 0;
  const line = (pattern: RegExp, wanted: string): string => {
    const found = pattern.exec(lines[at] ?? "")?.[1];
    // the line is not quoted: it may be a key's
    if (found === undefined) throw damaged(dataset, `line ${at + 1} of it should be ${wanted}`);
    at += 1;
    return found;
  };
  const file = (name: string): string => {
    if (line(/^file (\S+)$/, `"file ${name}"`) !== name)
      throw damaged(dataset, `line ${at} of it should be "file ${name}"`);
    const content: string[] = [line(/^\| (.*)$/, `the first line of ${name}`)];
    while (lines[at]?.startsWith("| ")) content.push(line(/^\| (.*)$/, name));
    return content.map((one) => `${one}\n`).join("");
  };
  const version = line(/^devbackup-escrow ([0-9]+)$/, '"devbackup-escrow 1"');
  if (version !== "1") throw damaged(dataset, `a newer devbackup wrote it (version ${version})`);
  const name = line(/^dataset ([a-z0-9_-]+)$/, `"dataset ${dataset}"`);
  if (name !== dataset) throw damaged(dataset, `it is the escrow of another dataset, ${name}`);
  const escrow: EscrowText = {
    madeAt: line(/^made (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$/, '"made" and when'),
    backupKeyFile: file(`ls_${dataset}_backup.key`),
    signKeyFile: file(`ls_${dataset}_sign.key`),
    signPublicFile: file(`ls_${dataset}_sign.pub`),
  };
  line(/^(end)$/, '"end"');
  if (lines.length !== at + 1 || lines[at] !== "") throw damaged(dataset, "something follows its end");
  return escrow;
}

/** What age-keygen writes: comments and one identity. */
async function onlyIdentity(keyFile: string): Promise<AgeIdentity | undefined> {
  const [word, ...more] = keyFile.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return word === undefined || more.length > 0 ? undefined : parseAgeIdentity(word);
}

const notOurs = (dataset: DatasetName, tried: readonly AgeRecipient[]): DevbackupError =>
  new DevbackupError({
    code: "escrow-not-ours",
    exitCode: 6,
    what: `the escrow of ${dataset} is not encrypted to this recovery identity, or its beginning is damaged`,
    why: `tried was the identity of ${tried.join(" and ")}`,
    state: "Nothing was changed",
    next: "Name the identity whose recipient stands in encryption.recovery_recipients, or another copy of the escrow",
  });

const damaged = (dataset: DatasetName, why: string): DevbackupError =>
  new DevbackupError({
    code: "escrow-damaged",
    exitCode: 6,
    what: `the escrow of ${dataset} is damaged`,
    why,
    state: "Nothing was changed",
    next: "There are copies of it on the server (REPOSITORY/keys/escrow.age), on the controller and in the bucket",
  });
