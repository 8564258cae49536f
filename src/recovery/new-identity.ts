import { randomInt } from "node:crypto";
import { armor, Encrypter, generateX25519Identity } from "age-encryption";
import type { AgeRecipient } from "../domain/names.ts";
import { type AgeIdentity, recipientOf } from "./age-file.ts";

export interface NewIdentity {
  readonly recipient: AgeRecipient;
  /** The identity as an armored age file that the passphrase opens: `age -d -i` takes it as it is. */
  readonly locked: string;
}

/** Who finds the page can guess for years; scrypt makes each guess cost about a second. */
export const LEAST_PASSPHRASE_CHARACTERS = 12;

/** Without 0 and o, 1, i and l, which look alike on paper. */
const ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz";
const GROUPS = 6;
const GROUP_CHARACTERS = 5;

/** Makes an X25519 identity, protected by `passphrase` with age's own work factor (18). Takes a second or two. */
export async function newIdentity(passphrase: string, now: Date): Promise<NewIdentity> {
  const identity = (await generateX25519Identity()) as AgeIdentity;
  const recipient = await recipientOf(identity);
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  const created = `${now.toISOString().slice(0, 19)}Z`;
  const file = await encrypter.encrypt(`# created: ${created}\n# public key: ${recipient}\n${identity}\n`);
  return { recipient, locked: armor.encode(file) };
}

/** Six groups of five letters and digits: 148 bits. */
export const generatedPassphrase = (): string =>
  Array.from({ length: GROUPS }, () =>
    Array.from({ length: GROUP_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join(""),
  ).join("-");

/** What is wrong with a passphrase for an identity that lies on paper for years; undefined where nothing is. */
export function passphraseProblem(passphrase: string): string | undefined {
  if (passphrase === "") return "it is empty";
  if (/\p{Cc}/u.test(passphrase)) return "it has several lines or a control character in it";
  if (passphrase !== passphrase.trim()) return "it begins or ends with a space, which nobody sees on paper";
  if ([...passphrase].length < LEAST_PASSPHRASE_CHARACTERS)
    return `it has fewer than ${LEAST_PASSPHRASE_CHARACTERS} characters`;
  if (new Set(passphrase).size < 5) return "it has fewer than 5 different characters";
  return undefined;
}
