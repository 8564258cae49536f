import { printable } from "../domain/printable.ts";
import { encodedWord } from "./encoded-word.ts";
import type { Message } from "./message.ts";

export interface Envelope {
  readonly to: string;
  readonly now: Date;
  /** Of this machine, for the Message-ID. */
  readonly host: string;
  /** A UUID. */
  readonly id: string;
}

/** Longer lines have to be encoded (RFC 5321, section 4.5.3.1.6). */
const MOST_COLUMNS = 900;

/**
 * The message as `sendmail -t` takes it (RFC 5322). From is left to sendmail: it knows the sender that its relay
 * accepts.
 */
export function mailOf({ title, text }: Message, { to, now, host, id }: Envelope): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  const plain = /^[\x00-\x7f]*$/.test(text) && text.split("\n").every((line) => line.length <= MOST_COLUMNS);
  return [
    `To: ${printable(to)}`,
    `Subject: ${encodedWord(printable(title), "\n ")}`,
    `Date: ${rfc5322Date(now)}`,
    `Message-ID: <${id}@${/^[A-Za-z0-9.-]+$/.test(host) ? host : "localhost"}>`,
    // RFC 3834: nobody's vacation reply is wanted
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Transfer-Encoding: ${plain ? "7bit" : "base64"}`,
    "",
    plain ? text : base64Lines(text),
  ].join("\n");
}

/** RFC 5322, section 3.3; `GMT`, as toUTCString has it, is obsolete there. */
const rfc5322Date = (date: Date): string => date.toUTCString().replace(/GMT$/, "+0000");

const base64Lines = (text: string): string =>
  Buffer.from(text)
    .toString("base64")
    .replace(/.{1,76}/g, "$&\n");
