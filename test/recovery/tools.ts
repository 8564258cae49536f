import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after } from "node:test";
import { parseDatasetName, parseSigner, type Signer } from "../../src/domain/names.ts";

/** Why the real tools cannot be had here; undefined where they can. */
export const noTools: string | undefined = ["age", "age-keygen", "ssh-keygen", "python3"]
  .filter(
    (tool) => globSync((process.env.PATH ?? "").split(delimiter).map((dir) => join(dir, tool))).length === 0,
  )
  .map((tool) => `needs ${tool} (apt install age openssh-client python3)`)[0];

/** A folder of this test file's own, gone at its end. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "devbackup-recovery-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const dataset = parseDatasetName("dev");
if (dataset === undefined) throw new Error("dev is a name");
export const dev = dataset;

/** What age-keygen writes. */
export const ageKey = (): string => execFileSync("age-keygen", { encoding: "utf8", stdio: "pipe" });
export const secretLine = (keyFile: string): string => /^AGE-SECRET-KEY-1.*$/m.exec(keyFile)?.[0] ?? "";
export const recipientLine = (keyFile: string): string => /public key: (age1.*)$/m.exec(keyFile)?.[1] ?? "";

/** By the real age, for these recipients. */
export const sealed = (plaintext: string | Uint8Array, recipients: readonly string[]): Buffer =>
  execFileSync(
    "age",
    recipients.flatMap((recipient) => ["-r", recipient]),
    {
      input: plaintext,
      maxBuffer: 256 * 1024 * 1024,
    },
  );

export interface SignKey {
  readonly file: string;
  readonly privateFile: string;
  readonly publicFile: string;
}

/** As the server makes it, by the real ssh-keygen. */
export function signKey(folder: string, name: string, type = "ed25519", passphrase = ""): SignKey {
  const file = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "devbackup dev", "-f", file]);
  const publicFile = readFileSync(`${file}.pub`, "utf8");
  return { file, privateFile: readFileSync(file, "utf8"), publicFile };
}

export function signerOf({ publicFile }: SignKey): Signer {
  const signer = parseSigner(publicFile.trimEnd());
  if (signer === undefined) throw new Error(`${publicFile} is no signer`);
  return signer;
}

/** The armored signature of `text`, by the real ssh-keygen. */
export function signed(text: string | Uint8Array, key: SignKey, namespace = "devbackup-manifest"): string {
  const file = `${key.file}.signed`;
  writeFileSync(file, text);
  rmSync(`${file}.sig`, { force: true });
  execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-n", namespace, "-f", key.file, file], { stdio: "pipe" });
  return readFileSync(`${file}.sig`, "utf8");
}

/** What an escrow holds. */
export interface Inside {
  readonly dataset: string;
  readonly backup: string;
  readonly sign: string;
  readonly signPublic: string;
}

/** As the server's shell writes it. */
export const escrowText = ({ dataset, backup, sign, signPublic }: Inside): string =>
  [
    "devbackup-escrow 1",
    `dataset ${dataset}`,
    "made 2090-01-31T03:00:00Z",
    ...block(`ls_${dataset}_backup.key`, backup),
    ...block(`ls_${dataset}_sign.key`, sign),
    ...block(`ls_${dataset}_sign.pub`, signPublic),
    "end",
    "",
  ].join("\n");

const block = (name: string, content: string): string[] => [
  `file ${name}`,
  ...content
    .trimEnd()
    .split("\n")
    .map((line) => `| ${line}`),
];
