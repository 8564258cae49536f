import { sh } from "../../transport/quote.ts";

/** What root runs or writes to because the desired state says so, by the name that it has there: `after_apply`, `notify.4`. */
export type Asked =
  | { readonly name: string; readonly program: string }
  | { readonly name: string; readonly folder: string };

/** What there is to say of it: it is not there, or others than root can change it. Nothing of what is root's alone. */
export type Found = ReadonlyMap<string, "missing" | "open">;

/**
 * Goes to a path name by name, and by what each link says, as the kernel does: whoever can turn one link on the way, or
 * has one of the folders that it lies in, decides what is found at its end. It ends at the first that others than root
 * can change, so that nobody can lead it elsewhere.
 */
const LOOK = `cd /
is_roots() {
  at=/ rest=$1 links=0
  while [ -n "$(find "$at" -maxdepth 0 -uid 0 ! -perm /022)" ]; do
    [ -n "$rest" ] || return 0
    name=\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    case $name in
      '' | .) ;;
      ..) at=\${at%/*}; at=\${at:-/} ;;
      *)
        if [ -L "\${at%/}/$name" ]; then
          links=$((links + 1))
          [ "$links" -le 40 ] || return 1
          link=$(readlink -- "\${at%/}/$name") || return 1
          case $link in /*) at=/ ;; esac
          rest=$link/$rest
        else at=\${at%/}/$name
        fi ;;
    esac
  done
  return 1
}
look_program() {
  f=$(command -v -- "$2") || f=/dev/null
  case $f in /*) ;; *) return ;; esac
  if [ ! -f "$f" ] || [ ! -x "$f" ]; then echo "$1 missing"; else is_roots "$f" || echo "$1 open"; fi
}
look_folder() { if [ ! -d "$2" ]; then echo "$1 missing"; else is_roots "$2" || echo "$1 open"; fi; }`;

/** For a probe; its lines are {@link readFound}'s. */
export const lookScript = (asked: readonly Asked[]): string =>
  asked.length === 0
    ? ":"
    : [
        LOOK,
        ...asked.map((each) =>
          "program" in each
            ? sh`look_program ${each.name} ${each.program}`
            : sh`look_folder ${each.name} ${each.folder}`,
        ),
      ].join("\n");

export const readFound = (stdout: string): Found =>
  new Map(
    [...stdout.matchAll(/^(\S+) (missing|open)$/gm)].map(([, name = "", what]) => [
      name,
      what === "open" ? what : "missing",
    ]),
  );

/** Why what is open has to be mended, and how. */
export const mendOpen = (when: string): string =>
  `others than root can change it, or a folder or a link on the way to it: whoever does is root ${when}. Move it to a folder of root's, /usr/local/sbin say, and let it be root's`;
