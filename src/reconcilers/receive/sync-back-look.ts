import { sh } from "../../transport/quote.ts";

/** Of each line that {@link LOOK} reads, for rsync(1) `--out-format`: what is done, and the time, length and name there. */
export const LOOK_FORMAT = "%i|%M|%l|%n";

/** As many bytes of names at most are told of what is left out: an rsync takes them as words. */
const MOST_LEFT = 16_000;

/**
 * As the owner, in the dataset: prints `MISSING|APART|LINE`: as many of the name's last parts are not there, and without as many
 * it names the subvolume or mount that it lies in (`-` for none); fd 7 gets the name without what is not there, ended by NUL.
 */
const WHAT_STANDS = String.raw`top=$(stat -c %d .) || exit 1
same= root=
while IFS= read -r line; do
  name=${"$"}{line#*|*|*|} missing=0
  name=./${"$"}{name%/}
  # rsync's way to write a control character
  case $name in *'\#'*)
    name=$(printf %s "$name" | sed 's/\\/\\\\/g; s/\\\\#\([0-7][0-7][0-7]\)/\\0\1/g')
    name=$(printf %b. "$name")
    name=${"$"}{name%.} ;;
  esac
  until [ -e "$name" ] || [ -L "$name" ]; do name=${"$"}{name%/*} missing=$((missing + 1)); done
  at=$name up=$missing apart=-
  if [ -L "$at" ] || [ ! -d "$at" ]; then at=${"$"}{at%/*} up=$((up + 1)); fi
  if [ "$at" != "$same" ]; then
    same=$at root= above=$at
    until [ "$(stat -c %d -- "$above")" = "$top" ]; do root=$above above=${"$"}{above%/*}; done
  fi
  if [ -n "$root" ]; then
    until [ "$at" = "$root" ]; do at=${"$"}{at%/*} up=$((up + 1)); done
    apart=$up
  fi
  printf '%s\0' "$name" >&7
  printf '%s\n' "$missing|$apart|$line"
done`;

/**
 * Of `MTIME|SIZE|MODE|MISSING|APART|LINE`: rsync calls new what it replaces by another type, and `--update` spares regular
 * files alone (rsync(1)), so that both are looked at here. A folder that gives way counts as newer: its own time says nothing
 * of what lies in it. What a link of the owner leads to is not what stands here.
 */
const JUDGE = String.raw`
function cut(  at, part) { at = index(rest, "|"); part = substr(rest, 1, at - 1); rest = substr(rest, at + 1); return part }
function without(path, parts) { while (parts-- > 0 && sub(/\/[^\/]*$/, "", path)); return path }
function leave(why, path) { if (path in left) return; left[path]; print "leave", why, path >leaving; leaves++ }
{
  rest = $0
  mtime = cut(); size = cut(); mode = cut(); missing = cut(); apart = cut(); how = cut(); time = cut(); len = cut()
  name = rest; bare = name; sub(/\/$/, "", bare)
  if (how !~ /^[<>ch.][fdLDS]/ && how !~ /^\*deleting/) next
  through = 0
  for (path = bare; sub(/\/[^\/]*$/, "", path);) if (path in away) through = 1
  there = missing == 0 && !through
  folder = mode ~ /^4...$/
  if (apart != "-" && !through) leave("apart", without(bare, apart))
  if (how ~ /^\*deleting/) kind = "deleted"
  else kind = there || how !~ /\+\+\+/ ? "changed" : "added"
  if (kind == "changed" && !(folder && substr(how, 2, 1) == "d")) {
    if (substr(how, 2, 1) == "d") away[bare]
    was = substr(mtime, 1, 19); gsub(/[^0-9]/, "", was); gsub(/[^0-9]/, "", time)
    if (there && (folder || was "" > time "")) { if (update == "yes") leave("newer", bare); else count["newer"]++ }
  }
  print how, time, len, there && !folder ? mtime " " size : "", name >judged
  if (n++ < most) print "item", kind, name >items
  count[kind]++
}
END { count["leave"] = leaves + 0; for (kind in count) print "count", kind, count[kind] }`;

/**
 * Shell function `look`, as root, behind `as_owner`: of `"$w/items"` prints `leave apart PATH` and `leave newer PATH` (that with
 * `$update` alone) for what rsync is to leave out, `item KIND PATH`, `count KIND N`, and `shown DIGEST` of all of it.
 */
export const LOOK = `look() {
  ${sh`as_owner sh -c ${WHAT_STANDS} <"$w/items" 7>"$w/names" >"$w/lines"`} &&
  as_owner env TZ=UTC xargs -0 -r stat -c '%y|%s|%f' -- <"$w/names" >"$w/stats" &&
  [ "$(wc -l <"$w/stats")" = "$(wc -l <"$w/lines")" ] || return 1
  : >"$w/judged"; : >"$w/leaving"; : >"$w/named"
  paste -d '|' "$w/stats" "$w/lines" | awk -v update="$update" -v most="$most" \\
    -v judged="$w/judged" -v leaving="$w/leaving" -v items="$w/named" ${sh`${JUDGE}`} || return 1
  ${sh`head -c ${MOST_LEFT} "$w/leaving"`}
  head -c 40000 "$w/named"
  echo; echo "shown $(LC_ALL=C sort "$w/judged" | sha256sum | cut -d ' ' -f 1)"
}
`;
