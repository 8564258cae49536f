import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { WRITTEN_BY_US } from "../machine/own-folder.ts";

/** A script as it should lie in the folder of what is devbackup's own. */
export interface Script {
  /** Without its folder. */
  readonly name: string;
  readonly content: string;
}

/** What stands in front of the name and the repository of each dataset that a script is about. */
export const OF = "# Of ";

/**
 * What is ours is told by its second line, and by those behind it whose it is: people who share a server have each their
 * own desired state. `about`: what people read first.
 */
export const script = (
  name: string,
  datasets: readonly DatasetSpec[],
  about: string,
  body: string,
): Script => ({
  name,
  content: `#!/bin/sh
${WRITTEN_BY_US}
${datasets.map((dataset) => `${OF}${dataset.name}:${dataset.repository}\n`).join("")}#
${about.replaceAll(/^(?=.)/gm, "# ").replaceAll(/^$/gm, "#")}
set -u
${IN_PATH}${TELLING}${body.trim()}
`,
});

/** cron's PATH has neither of these, and btrfs lies in one on some systems; age, installed by hand, in another. */
const IN_PATH = 'PATH="$PATH:/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin"\n';

/**
 * Shell functions. `stop CODE WHAT [MORE…]`: says so as devbackup does, and ends the script. `plain WORD…`: what goes into a
 * message has no control characters, which a terminal obeys. `needs TOOL…`: one that is missing says nothing of what it was to
 * read.
 */
const TELLING = `
stop() {
  code=$1; shift
  printf 'error: %s\\n' "$1" >&2; shift
  for line; do printf '  %s\\n' "$line" >&2; done
  exit "$code"
}
plain() {
  for word; do
    case $word in *[[:cntrl:]]*) stop 1 "a name or path with control characters is not taken" "Nothing was changed." ;; esac
  done
}
needs() {
  for tool; do
    command -v "$tool" >/dev/null || stop 1 "$tool is not installed here, or not in the PATH" "Nothing was changed." "next: devbackup apply, where you apply from, installs what is missing"
  done
}
plain "$@"
`;

/** A shell function, behind those: `label WORD`: goes on where that could be a label, or is `latest`. */
export const LABEL = `
label() {
  case $1 in
    latest) ;;
    [0-9]*) case $1 in *[!0-9W-]*) stop 1 "$1 is no label" "A label is YYYY-MM, YYYY-Www or YYYY-MM-DD, or latest." ;; esac ;;
    *) stop 1 "$1 is no label" "A label is YYYY-MM, YYYY-Www or YYYY-MM-DD, or latest." ;;
  esac
}
`;
