import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { absent, type Fact, known } from "../domain/fact.ts";
import {
  type AbsolutePath,
  type AgeRecipient,
  type HostName,
  joinPath,
  parseAgeRecipient,
} from "../domain/names.ts";
import { sh } from "../transport/quote.ts";
import { CONFIG_FOLDER } from "./layout.ts";
import type { SystemFacts } from "./packages.ts";
import type { Probe } from "./reconciler.ts";
import type { SignKeyFacts } from "./signature.ts";

/** The server's age identity, of which only the public half ever leaves the server. */
export interface KeyFacts {
  /** `MODE UID`, or null where there is no identity. */
  readonly identityRights: string | null;
  /** What the identity itself says its recipient is; null where age could not tell. */
  readonly derived: AgeRecipient | null;
  /** What the file beside it says; null where there is none. */
  readonly published: AgeRecipient | null;
}

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
  { key, signKey }: { readonly key: Fact<KeyFacts>; readonly signKey: Fact<SignKeyFacts> },
  tools: ReadonlySet<string>,
): { readonly key: KeyLoss | null; readonly signKey: KeyLoss | null } => ({
  key: key.kind === "known" ? identityLoss(key.value, tools) : null,
  signKey: signKey.kind === "known" ? signKeyLoss(signKey.value, tools) : null,
});

const identityLoss = ({ identityRights, derived }: KeyFacts, tools: ReadonlySet<string>): KeyLoss | null =>
  identityRights === null ? "gone" : derived === null && tools.has("age") ? "damaged" : null;

/** ssh-keygen refuses a whole key, too, that others may read. */
const signKeyLoss = ({ keyRights, derived }: SignKeyFacts, tools: ReadonlySet<string>): KeyLoss | null =>
  keyRights === null
    ? "gone"
    : keyRights === "400 0" && derived === null && tools.has("ssh-keygen")
      ? "damaged"
      : null;

/** Moves what stands at a key's place, and is none, out of the way; it may be all that is left of the key. */
export const keepDamaged = (key: AbsolutePath): string => sh`
k=${key}
if [ -e "$k" ]; then
  mv -T -n -- "$k" "$k.damaged-$(date -u +%Y%m%dT%H%M%SZ)"; [ ! -e "$k" ]
fi
`;

export const identityFile = ({ repository, name }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys", `ls_${name}_backup.key`);

export const publishedFile = ({ repository, name }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "keys", `ls_${name}_backup.pub`);

/** On the workstation: whom the artifacts of this dataset are encrypted to. */
export const recipientFile = ({ name }: DatasetSpec): AbsolutePath =>
  joinPath(CONFIG_FOLDER, `ls_${name}_backup.pub`);

export const keyProbe = (spec: DatasetSpec): Probe<KeyFacts> => ({
  host: spec.server,
  script: sh`
k=${identityFile(spec)} p=${publishedFile(spec)}
if [ -e "$k" ]; then
  echo "rights $(stat -c '%a %u' -- "$k")"
  command -v age-keygen >/dev/null && echo "derived $(age-keygen -y "$k" 2>/dev/null)"
fi
[ -e "$p" ] && echo "published $(head -n 1 -- "$p")"
:`,
  parse: (stdout) => {
    const field = (word: string) => new RegExp(`^${word} (.*)$`, "m").exec(stdout)?.[1];
    return known({
      identityRights: field("rights") ?? null,
      derived: parseAgeRecipient(field("derived") ?? "") ?? null,
      published: parseAgeRecipient(field("published") ?? "") ?? null,
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
