import { type Fact, known } from "../../domain/fact.ts";
import type { AbsolutePath, HostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import type { Probe } from "../probe.ts";
import { OWN_FOLDER } from "./own-folder.ts";

/** A restricted login as it should stand on its host. */
export interface Restriction {
  readonly login: string;
  readonly level: "full" | "add-only";
  /** In the order in which they are put in place: what lets the login in comes last. */
  readonly files: readonly RestrictionFile[];
}

export interface RestrictionFile {
  readonly path: AbsolutePath;
  /** Octal, as chmod takes it. */
  readonly mode: string;
  readonly content: string;
}

/** What there is of one. */
export interface RestrictionFacts {
  /** `MODE UID SHA256`, of the files that are there. */
  readonly files: ReadonlyMap<string, string>;
  /** The login that was made; null where there is none. */
  readonly login: string | null;
}

/** Its home holds the one key and nothing that it could write to. */
export const RESTRICTED_HOME = "/var/lib/devbackup-login";
export const SUDOERS_FILE = "/etc/sudoers.d/devbackup-restricted";
export const AUTHORIZED_KEYS = `${RESTRICTED_HOME}/.ssh/authorized_keys`;
export const IN_FOLDER = [
  "restricted",
  "allowed",
  "allowed-with-address",
  "allowed-signals",
  "address",
  "login",
];
const FILES = [...IN_FOLDER.map((name) => `${OWN_FOLDER}/${name}`), SUDOERS_FILE, AUTHORIZED_KEYS];

export const restrictionProbe = (host: HostName): Probe<RestrictionFacts> => ({
  host,
  script: sh`
for f in ${FILES}; do
  if [ -e "$f" ]; then echo "file $(stat -c '%a %u' -- "$f") $(sha256sum <"$f" | cut -c1-64) $f"; fi
done
login=$(head -n 1 -- ${`${OWN_FOLDER}/login`} 2>/dev/null) && id -u -- "$login" >/dev/null 2>&1 && echo "login $login"
:`,
  parse: (stdout) =>
    known({
      files: new Map(
        [...stdout.matchAll(/^file (\d+ \d+ [0-9a-f]{64}) (.+)$/gm)].map(([, is = "", path = ""]) => [
          path,
          is,
        ]),
      ),
      login: /^login (.+)$/m.exec(stdout)?.[1] ?? null,
    }),
});

/** What was looked at on one host, and what should be there; null for no restricted login. */
export interface LookedAtRestriction {
  readonly wanted: Restriction | null;
  readonly there: Fact<RestrictionFacts>;
}
