import { SCHEDULE_FOLDER, SCHEDULE_IDENTITY } from "../../desired-state/standpoint.ts";
import { sh } from "../../transport/quote.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";

/** What of a schedule is there, and of no use to its runs. */
export interface Broken {
  /** What the installed program ends with when it is asked for its version; null where it runs, or there is none. */
  readonly programExit: number | null;
  /** The credentials that systemd can't decrypt. */
  readonly secrets: ReadonlySet<string>;
  /** Of the key: `MODE UID` where OpenSSH refuses it for that; `damaged` where it is not what its public key belongs to. */
  readonly key: string | null;
}

/** Of a key that OpenSSH takes, as `stat -c '%a %u'` says it. */
export const ROOTS_ALONE = "600 0";
/** See {@link Broken.key}. */
export const DAMAGED = "damaged";

/**
 * Lines of sh, which try what a run needs before it can tell anybody what is wrong with it. The program gets nothing of
 * this look's environment. Decrypting makes no secret of the host where that is lost (systemd-creds(1)).
 */
export const brokenScript: string = sh`
p=${`${OWN_FOLDER}/current`} c=${`${SCHEDULE_FOLDER}/credentials`} k=${SCHEDULE_IDENTITY}
if [ -e "$p" ]; then
  code=0; { (ulimit -c 0; exec env -i timeout -k 5 20 "$p/devbackup" --version) </dev/null >/dev/null || code=$?; } 2>/dev/null
  [ "$code" = 0 ] || printf 'broken-program %s\n' "$code"
fi
for f in "$c"/*.digest; do
  n=$(basename "$f" .digest)
  [ ! -f "$c/$n" ] || timeout 20 systemd-creds decrypt --name="$n" "$c/$n" - </dev/null >/dev/null 2>&1 || printf 'broken-secret %s\n' "$n"
done
if [ -f "$k" ] && [ -f "$k.pub" ]; then
  is=$(stat -c '%a %u' -- "$k")
  if [ "$is" != ${ROOTS_ALONE} ]; then printf 'broken-key %s\n' "$is"
  elif command -v ssh-keygen >/dev/null && [ "$(ssh-keygen -y -P '' -f "$k" 2>/dev/null </dev/null | cut -d ' ' -f 1,2)" != "$(head -n 1 -- "$k.pub" | cut -d ' ' -f 1,2)" ]; then
    printf 'broken-key %s\n' ${DAMAGED}
  fi
fi
`;

/** `all`: what stands behind a name, of each line that begins with it. */
export function readBroken(all: (name: string) => readonly string[]): Broken {
  const [programExit] = all("broken-program").filter((text) => /^\d{1,3}$/.test(text));
  const [key = null] = all("broken-key").filter((text) => text === DAMAGED || /^[0-7]+ \d+$/.test(text));
  return {
    programExit: programExit === undefined ? null : Number(programExit),
    secrets: new Set(all("broken-secret").filter((name) => /^[a-z0-9-]+$/.test(name))),
    key,
  };
}

export const programBroken = (exitCode: number): string =>
  `the program of the schedule does not run: it ends with exit code ${exitCode}`;
export const secretBroken = (name: string): string =>
  `${name}, which the schedule's runs need, can't be decrypted`;

/** Why nothing runs by itself for it, a line each. */
export const brokenInWords = ({ programExit, secrets, key }: Broken): readonly string[] => [
  ...(programExit === null ? [] : [programBroken(programExit)]),
  ...[...secrets].map(secretBroken),
  ...(key === null
    ? []
    : [
        key === DAMAGED
          ? "the key that the schedule logs in with is damaged"
          : `OpenSSH refuses the key that the schedule logs in with: its mode and owner are ${key}, not ${ROOTS_ALONE}`,
      ]),
];

/** What a run has failed of may be mended by what stands before this; the next one tells. */
export const FORGET_FAILURE: string = "systemctl --quiet reset-failed devbackup.service 2>/dev/null || :";
