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

/** Whether there is an identity that age can make nothing of: cut off, or overwritten. */
export const isIdentityDamaged = (
  { identityRights, derived }: KeyFacts,
  tools: ReadonlySet<string>,
): boolean => identityRights !== null && derived === null && tools.has("age");

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
