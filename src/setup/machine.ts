import type { AbsolutePath } from "../domain/names.ts";
import { printable } from "../domain/printable.ts";
import {
  PLACE_FUNCTIONS,
  type Place,
  parsePlace,
  type Standing,
  unescapeMount,
} from "../reconcilers/machine/place.ts";
import type { Host } from "../transport/host.ts";
import { sh } from "../transport/quote.ts";

/** What proposals for one machine are made from. */
export interface MachineFacts {
  /** Whoever is likely to own what is backed up: the login, or who became root there. */
  readonly user: string;
  readonly home: string;
  /** Of {@link CANDIDATES}, those that are there, below `home`. */
  readonly folders: readonly string[];
  readonly btrfs: readonly BtrfsMount[];
}

/** A Btrfs that is mounted; of one that is mounted several times, each. */
export interface BtrfsMount {
  readonly path: string;
  /** Empty where the machine does not tell. */
  readonly fsUuid: string;
  readonly freeBytes: number;
  readonly readOnly: boolean;
}

/** What stands at one path, or would. */
export interface PathFacts {
  readonly place: Place;
  readonly kind: Standing;
  readonly empty: boolean;
  /** Undefined where nothing is there. */
  readonly owner: string | undefined;
}

/** Where people keep what they work on. */
const CANDIDATES = ["code", "src", "projects", "work", "dev", "Projects", "Documents"];

/** Needs no privileges; with them it sees what lies in folders that are closed. Undefined where it makes no sense of the answer. */
export async function lookAtMachine(host: Host): Promise<MachineFacts | undefined> {
  const { stdout } = await host.run(MACHINE, { timeoutMs: LOOK_TIMEOUT_MS });
  return parseMachine(stdout);
}

/** The same of what stands at `path`. */
export async function lookAtPath(host: Host, path: AbsolutePath): Promise<PathFacts | undefined> {
  const { stdout } = await host.run(pathScript(path), { timeoutMs: LOOK_TIMEOUT_MS });
  return parsePath(stdout);
}

/** An automounted disk has to be woken up. */
const LOOK_TIMEOUT_MS = 30_000;

// where only root logs in, the one person of the machine is meant
const MACHINE = `
u=\${SUDO_USER:-$(id -un)}
if [ "$u" = root ]; then
  set -- /home/*/
  if [ $# = 1 ] && [ -d "$1" ]; then u=$(stat -c %U -- "$1"); fi
fi
h=$(getent passwd -- "$u" 2>/dev/null | cut -d: -f6)
printf 'user %s\\nhome %s\\n' "$u" "\${h:-$HOME}"
for f in ${CANDIDATES.join(" ")}; do [ ! -d "\${h:-$HOME}/$f" ] || echo "folder $f"; done
findmnt -nrb -t btrfs -o TARGET,UUID,AVAIL,OPTIONS | sed 's/^/btrfs /'
:`;

export function parseMachine(stdout: string): MachineFacts | undefined {
  const lines = stdout.split("\n");
  const all = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const [user, home] = [all("user")[0], all("home")[0]];
  if (!user || !home || !isPlain(user) || !isPlain(home)) return undefined;
  return {
    user,
    home,
    folders: all("folder")
      .filter((name) => CANDIDATES.includes(name))
      .map((name) => `${home}/${name}`),
    btrfs: all("btrfs").flatMap((line) => {
      const [target = "", fsUuid = "", free = "", options = ""] = line.split(" ");
      const path = unescapeMount(target);
      if (!path.startsWith("/") || !isPlain(path) || !/^[0-9]+$/.test(free)) return [];
      return [{ path, fsUuid, freeBytes: Number(free), readOnly: options.split(",").includes("ro") }];
    }),
  };
}

/** What is proposed stands in a prompt as it is: a host may say what it likes. */
const isPlain = (text: string): boolean => printable(text) === text;

const pathScript = (path: AbsolutePath): string => `${PLACE_FUNCTIONS}${sh`
d=${path}`}
place "$d"
kind=$(what_stands "$d"); echo "kind $kind"
case $kind in absent | other) exit 0;; esac
echo "owner $(stat -c %U -- "$d")"
[ -n "$(find "$d" -mindepth 1 -maxdepth 1 -print -quit)" ] || echo empty`;

export function parsePath(stdout: string): PathFacts | undefined {
  const place = parsePlace(stdout);
  const kind = /^kind (absent|subvolume|directory|other)$/m.exec(stdout)?.[1] as Standing | undefined;
  if (place === undefined || kind === undefined) return undefined;
  return {
    place,
    kind,
    empty: /^empty$/m.test(stdout),
    owner: /^owner (\S+)$/m.exec(stdout)?.[1],
  };
}
