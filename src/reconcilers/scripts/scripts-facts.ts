import { known } from "../../domain/fact.ts";
import { fileName, type HostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { OWN_FOLDER, WRITTEN_BY_US } from "../machine/own-folder.ts";
import type { Probe } from "../probe.ts";
import { OF } from "./script.ts";

/** What scripts there are in the folder of what is devbackup's own, on one host. */
export interface ScriptsFacts {
  /** `MODE UID SHA256` by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Of those that devbackup wrote, for which datasets: as `coveredBy` has them. */
  readonly ours: ReadonlyMap<string, readonly string[]>;
}

/** A name that a script of ours has; no other is ever taken for one. */
const SCRIPT_NAME = /^[A-Za-z0-9_-]+\.sh$/;

export const scriptsProbe = (host: HostName): Probe<ScriptsFacts> => ({
  host,
  script: sh`
for f in ${OWN_FOLDER}/*.sh; do
  if [ -L "$f" ] || [ ! -f "$f" ]; then [ ! -e "$f" ] && [ ! -L "$f" ] || printf 'file - - - %s\n' "$f"; continue; fi
  printf 'file %s %s %s\n' "$(stat -c '%a %u' -- "$f")" "$(sha256sum <"$f" | cut -c1-64)" "$f"
  if [ "$(sed -n 2p -- "$f")" = ${WRITTEN_BY_US} ]; then
    printf 'ours %s\n' "$f"
    sed -n ${`3,$ { /^${OF}/!q; s//of /p; }`} -- "$f"
  fi
done
:`,
  parse: (stdout) => {
    const files = new Map<string, string>();
    const ours = new Map<string, string[]>();
    let last: string[] = [];
    for (const line of stdout.split("\n")) {
      const [, is = "", path = ""] = /^file (\S+ \S+ \S+) (.+)$/.exec(line) ?? [];
      if (isScript(path)) files.set(path, is);
      else if (line.startsWith("ours ") && isScript(line.slice("ours ".length))) {
        last = [];
        ours.set(line.slice("ours ".length), last);
      } else if (line.startsWith("of ")) last.push(line.slice("of ".length));
    }
    return known({ files, ours });
  },
});

const isScript = (path: string): boolean =>
  path === `${OWN_FOLDER}/${fileName(path)}` && SCRIPT_NAME.test(fileName(path));
