import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { absent, type Fact, known } from "../../domain/fact.ts";
import {
  type AbsolutePath,
  type AgeRecipient,
  type HostName,
  joinPath,
  parseAgeRecipient,
} from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { CONFIG_FOLDER } from "../machine/folders.ts";
import type { SystemFacts } from "../machine/system.ts";
import type { Probe } from "../probe.ts";

/** A key on the server, of which only the public half ever leaves it, but for the escrow. */
export interface KeyPair<Half> {
  /** `MODE UID`, or null where there is no key. */
  readonly rights: string | null;
  /** What the key itself says its public half is; null where its own program could not tell. */
  readonly derived: Half | null;
  /** What the file beside it says; null where there is none. */
  readonly published: Half | null;
}

export interface KeyPairFiles {
  readonly key: AbsolutePath;
  readonly publicHalf: AbsolutePath;
}

/** What an action that puts them there says of them. */
export const detailsOf = ({ key, publicHalf }: KeyPairFiles): string[] => [
  `${key}  root:root 0400`,
  `${publicHalf}  root:root 0444`,
];

/** The programs that are on a host; none where that could not be looked at. */
export const toolsOn = (
  systems: ReadonlyMap<HostName, Fact<SystemFacts>>,
  host: HostName,
): ReadonlySet<string> => {
  const system = systems.get(host);
  return system?.kind === "known" ? system.value.tools : new Set();
};

/** What became of a key: `damaged` is one that is there, and that its own program can make nothing of. */
export type KeyLoss = "gone" | "damaged";

/**
 * Which of its two keys a server has lost; null for one that it has, or that could not be looked at. What is opened with a
 * recovery identity, and what is put back then, both rest on it. `tools`: of the server.
 */
export const lostKeys = (
  { key, signKey }: { readonly key: Fact<KeyPair<unknown>>; readonly signKey: Fact<KeyPair<unknown>> },
  tools: ReadonlySet<string>,
): { readonly key: KeyLoss | null; readonly signKey: KeyLoss | null } => ({
  key: lossOf(key, () => tools.has("age")),
  // ssh-keygen tells nothing of a whole one either that others may read
  signKey: lossOf(signKey, ({ rights }) => tools.has("ssh-keygen") && rights === "400 0"),
});

/** `tells`: whether a whole one would have told its public half. */
function lossOf(pair: Fact<KeyPair<unknown>>, tells: (pair: KeyPair<unknown>) => boolean): KeyLoss | null {
  if (pair.kind !== "known") return null;
  if (pair.value.rights === null) return "gone";
  return pair.value.derived === null && tells(pair.value) ? "damaged" : null;
}

export const identityFile = ({ repository, name }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys", `ls_${name}_backup.key`);

export const publishedFile = ({ repository, name }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys", `ls_${name}_backup.pub`);

export const identityFiles = (spec: DatasetSpec): KeyPairFiles => ({
  key: identityFile(spec),
  publicHalf: publishedFile(spec),
});

/** On the workstation: whom the artifacts of this dataset are encrypted to. */
export const recipientFile = ({ name }: DatasetSpec): AbsolutePath =>
  joinPath(CONFIG_FOLDER, `ls_${name}_backup.pub`);

export const keyProbe = (spec: DatasetSpec): Probe<KeyPair<AgeRecipient>> =>
  keyPairProbe(spec.server, identityFiles(spec), ["age-keygen", "-y"], parseAgeRecipient);

/** `tells`: the command that tells the public half of the key in the file that is named behind it. */
export const keyPairProbe = <Half>(
  host: HostName,
  { key, publicHalf }: KeyPairFiles,
  tells: readonly [program: string, ...options: string[]],
  parseHalf: (text: string) => Half | undefined,
): Probe<KeyPair<Half>> => ({
  host,
  script: sh`
k=${key} p=${publicHalf}
if [ -e "$k" ]; then
  echo "rights $(stat -c '%a %u' -- "$k")"
  command -v ${tells[0]} >/dev/null && echo "derived $(${tells} "$k" 2>/dev/null)"
fi
[ -e "$p" ] && echo "published $(head -n 1 -- "$p")"
:`,
  parse: (stdout) => {
    const field = (word: string) => new RegExp(`^${word} (.*)$`, "m").exec(stdout)?.[1];
    return known({
      rights: field("rights") ?? null,
      derived: parseHalf(field("derived") ?? "") ?? null,
      published: parseHalf(field("published") ?? "") ?? null,
    });
  },
});

/** All that the file holds (age encrypts to each line), and its mode and owner where they are not what they should be. */
export const recipientProbe = (spec: DatasetSpec): Probe<string> => ({
  host: spec.workstation,
  script: sh`f=${recipientFile(spec)}
[ -e "$f" ] || exit 0
cat -- "$f"; rights=$(stat -c '%a %u' -- "$f")
[ "$rights" = "444 0" ] || printf '\nmode and owner are %s, not 444 0\n' "$rights"`,
  parse: (stdout) => (stdout === "" ? absent : known(stdout.trimEnd())),
});
