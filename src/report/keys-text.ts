import { printable } from "../domain/printable.ts";
import type { KeysShown } from "../status/keys.ts";
import { painter, type TextOptions, wrap } from "./lines.ts";

const KNOWN = {
  declared: "declared in encryption.signers",
  remembered: "the one that this machine has seen before",
  "not-yet": "not seen by this machine before: the next apply remembers it",
  another: "NOT the one that is declared, or was seen before",
} as const;

/** Everything that somebody wants to write down, and the lines that declare the signers; ends with a newline. */
export function keysText(datasets: readonly KeysShown[], { color, width }: TextOptions): string {
  const paint = painter(color);
  const lines = datasets.flatMap((each) => [
    paint("bold", printable(`${each.dataset} on ${each.server}`)),
    // not wrapped: they have to survive being copied
    `  recipient  ${each.recipient ?? "none yet"}`,
    `  signer     ${each.signer ?? "none yet"}`,
    ...(each.fingerprint === null
      ? []
      : [
          `             ${each.fingerprint}`,
          paint(each.known === "another" ? "red" : "dim", `             ${KNOWN[each.known]}`),
        ]),
    ...each.escrow.copies.map(
      ({ where, at, state, since }) =>
        `  escrow     ${printable(`${where}: ${state === "another" ? anotherThan(each) : state}${since === null ? "" : `, ${since.slice(0, 10)}`}`)}${
          state === "none" ? "" : paint("dim", `  ${printable(at)}`)
        }`,
    ),
    `  tested     ${each.escrow.testedAt?.slice(0, 10) ?? untested(each)}`,
  ]);
  const signers = datasets.filter(({ signer }) => signer !== null);
  if (signers.length === 0) return `${lines.join("\n")}\n`;
  const how = wrap("To have every machine know the signer, declare it:", width, "");
  const yaml = signers.map(({ dataset, signer }) => `    ${dataset}: ${signer}`);
  return `${[...lines, "", ...how, "encryption:", "  signers:", ...yaml].join("\n")}\n`;
}

/** What the server made is today's; where it has none, what stands elsewhere may be all that brings its keys back. */
const anotherThan = (shown: KeysShown): string => (hasEscrow(shown) ? "not today's" : "an older one");

function untested(shown: KeysShown): string {
  if (hasEscrow(shown)) return "never: devbackup keys test --identity FILE";
  const older = shown.escrow.copies.some(({ state }) => state === "another");
  if (shown.recipient === null && older)
    return "never; has the server lost its keys? devbackup plan --restore latest --identity FILE";
  return shown.recoveryRecipients.length === 0
    ? "never: no recovery recipient is declared: devbackup keys new-recovery"
    : "never: devbackup apply makes the escrow";
}

const hasEscrow = ({ server, escrow }: KeysShown): boolean =>
  escrow.copies.some(({ where, state }) => where === server && state !== "none");
