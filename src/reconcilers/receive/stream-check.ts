import type { AbsolutePath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";

/**
 * Lines of sh, behind a proof that has set `$a` and `$expected`: the script goes on only where that is the artifact that
 * the manifest has for `$n`.
 */
export const registeredCheck = (repository: AbsolutePath, manifest: AbsolutePath): string => `${sh`
repository=${repository} manifest=${manifest}`}
row=$(printf '%s\\t%s\\t%s' "\${n#*@}" "$expected" "\${a#"$repository/"}")
cut -f2,6,7 <"$manifest" | grep -qxF -e "$row" || { echo "the manifest has no such artifact for $n" >&2; exit 1; }
`;

/**
 * Lines of sh, behind a `plain` that prints a stream and leaves a word in `"$w/failed"` where it can't: the script goes on
 * only where the stream makes the one snapshot `$n` and speaks of nothing beside it. `btrfs receive` goes wherever a
 * stream's paths lead: `..` would take it to the other snapshots in the folder, and those can be renamed, and others made
 * in their places. Not seen is one that goes there through a symbolic link of its own: what a path leads through would have
 * to be known of the parent's links, too. An extended attribute is dumped as it is, and its lines are looked at too: one that
 * holds such a command in the very form of a dump is refused.
 */
export const STREAM_CHECK = sh`
plain | { btrfs receive --dump || echo "its stream can't be read" >>"$w/failed"; } | awk -v own="./$n" ${`
# what is escaped stands for itself: a blank that is left ends a word
{ gsub(/\\\\./, "_") }
!/^[a-z_]+   +\\.\\// { next }
$1 == "subvol" || $1 == "snapshot" { made++; if ($2 != own) beside = 1 }
$2 != own && index($2, own "/") != 1 { beside = 1 }
($2 "/") ~ /\\/\\.\\.\\// { beside = 1 }
($1 == "rename" || $1 == "link") && ("/" substr($3, 6) "/") ~ /\\/\\.\\.\\// { beside = 1 }
END { exit made != 1 || beside }`}
own=$?
if [ -e "$w/failed" ]; then cat "$w/failed" >&2; exit 1; fi
[ "$own" = 0 ] || { echo "its stream is not of $n alone" >&2; exit 1; }
`;
