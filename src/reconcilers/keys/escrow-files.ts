import type { DatasetSpec, DesiredState } from "../../desired-state/desired-state.ts";
import { known } from "../../domain/fact.ts";
import { type AbsolutePath, joinPath, parseSha256, type Sha256 } from "../../domain/names.ts";
import { sha256Of } from "../../transport/hash.ts";
import { sh } from "../../transport/quote.ts";
import { type Pushed, pushedProbe } from "../cloud/pushed.ts";
import type { Probe } from "../probe.ts";
import { identityFile } from "./key-files.ts";
import { signKeyFile, signPublicFile } from "./signature.ts";

/** The escrow on the server, and what it should hold. No secrets. */
export interface EscrowFacts {
  /** Of the key files that belong into it; null where one of them is not there. */
  readonly keysSha256: Sha256 | null;
  /** Null where there is no escrow. */
  readonly sha256: Sha256 | null;
  /** `MODE UID`; null where there is no escrow. */
  readonly rights: string | null;
  readonly madeAt: Date | null;
  /** What was noted when it was made: of the escrow, and of what it was made for. */
  readonly noted: { readonly sha256: Sha256; readonly fingerprint: Sha256 } | null;
  /** When `devbackup keys test` last opened an escrow there, and which. */
  readonly tested: { readonly at: Date; readonly sha256: Sha256 } | null;
}

export const escrowFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys/escrow.age");
export const escrowNote = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys/escrow.note");
export const testedNote = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys/escrow.tested");
export const escrowPushedNote = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys/escrow.pushed");

/** In the order in which they stand in the escrow. */
export const escrowedFiles = (spec: DatasetSpec): readonly AbsolutePath[] => [
  identityFile(spec),
  signKeyFile(spec),
  signPublicFile(spec),
];

/** Prints the SHA-256 of the key files, one after the other. */
export const keysSha256Script = (spec: DatasetSpec): string =>
  sh`cat -- ${escrowedFiles(spec)} | sha256sum | cut -c1-64`;

export const escrowProbe = (spec: DatasetSpec): Probe<EscrowFacts> => ({
  host: spec.server,
  script: `${sh`
all=yes
for f in ${escrowedFiles(spec)}; do [ -e "$f" ] || all=; done
e=${escrowFile(spec)} n=${escrowNote(spec)} t=${testedNote(spec)}
[ ! -e "$e" ] || echo "escrow $(sha256sum <"$e" | cut -c1-64) $(stat -c '%a %u %Y' -- "$e")"
[ ! -e "$n" ] || echo "noted $(head -n 1 -- "$n")"
[ ! -e "$t" ] || echo "tested $(head -n 1 -- "$t")"
`}[ -z "$all" ] || echo "keys $(${keysSha256Script(spec)})"`,
  parse: (stdout) => {
    const words = (word: string) => new RegExp(`^${word} (.*)$`, "m").exec(stdout)?.[1]?.split(" ") ?? [];
    const [keys = ""] = words("keys");
    const [sha256 = "", mode, uid, time] = words("escrow");
    const [ofEscrow = "", fingerprint = ""] = words("noted").map(parseSha256);
    const [at = "", testedSha256 = ""] = words("tested");
    const tested = parseSha256(testedSha256);
    return known({
      keysSha256: parseSha256(keys) ?? null,
      sha256: parseSha256(sha256) ?? null,
      rights: mode === undefined ? null : `${mode} ${uid}`,
      madeAt: time === undefined ? null : new Date(Number(time) * 1000),
      noted: ofEscrow === "" || fingerprint === "" ? null : { sha256: ofEscrow, fingerprint },
      tested:
        tested === undefined || Number.isNaN(Date.parse(at)) ? null : { at: new Date(at), sha256: tested },
    });
  },
});

export const pushedEscrowProbe = (spec: DatasetSpec): Probe<Pushed> =>
  pushedProbe(spec.server, escrowPushedNote(spec));

/** Of everything that an escrow is made for: other keys or other recipients give another one. */
export const escrowFingerprint = (
  keysSha256: Sha256,
  recipients: DesiredState["recoveryRecipients"],
): Sha256 => sha256Of([keysSha256, ...recipients.toSorted()].map((line) => `${line}\n`).join(""));
