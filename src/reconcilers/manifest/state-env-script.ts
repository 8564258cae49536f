import type { DatasetName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";

/**
 * A command of sh: prints of the manifest in `"$1"` what `renderStateEnv` gives, or fails where `parseManifest` would
 * not take it. A manifest can come from a login that may only add rows, and shells read what is made of it: so the
 * server itself looks at every byte. The second awk tells a last line without an end, and bytes that awk did not see.
 */
export const stateEnvScript = (dataset: DatasetName): string => sh`
state_env() {
  awk 1 "$1" | cmp -s -- - "$1" && awk -v dataset=${dataset} ${PROGRAM} "$1"
}
`;

/** POSIX awk, without the intervals that mawk(1) has only of late. */
const PROGRAM = `
function refuse(why) { print "line " NR ": " why | "cat >&2"; refused = 1; exit 1 }
# of a month beyond the last, that of the next year
function days(y, m, d) {
  if (m > 12) { m -= 12; y++ }
  if (m < 3) { m += 12; y-- }
  return 365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * m - 457) / 5) + d
}
# of ISO 8601: week 1 is the one that holds the 4th of January
function monday(y,   fourth) { fourth = days(y, 1, 4); return fourth - (fourth + 1) % 7 }
# the first day of a period; 0 where the calendar has none of that name
function begins(label,   y, m, d) {
  y = substr(label, 1, 4) + 0
  if (y < 100) return 0
  if (label ~ /^[0-9][0-9][0-9][0-9]-W[0-9][0-9]$/) {
    d = monday(y) + 7 * (substr(label, 7) - 1)
    return d >= monday(y) && d < monday(y + 1) ? d : 0
  }
  if (label !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9](-[0-9][0-9])?$/) return 0
  m = substr(label, 6, 2) + 0
  d = length(label) == 7 ? 1 : substr(label, 9) + 0
  return m >= 1 && m <= 12 && d >= 1 && d <= days(y, m + 1, 1) - days(y, m, 1) ? days(y, m, d) : 0
}
BEGIN { FS = "\\t" }
NR == 1 {
  if ($0 != "ts\\tlabel\\ttype\\tparent\\tbytes\\tsha256\\tlocal_path\\tobject_key") refuse("no header")
  next
}
{
  if (NF != 8) refuse("not 8 columns")
  if ($1 !~ /^[0-9][0-9][0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?Z$/) refuse("no ts")
  day = begins($2)
  if (day == 0 || day < last_day || (day == last_day && $2 "" <= label)) refuse("no label, or none that follows")
  if (!($3 == "full" && $4 == "-") && !($3 == "incr" && ($4 in above))) refuse("type and parent")
  if ($5 !~ /^(0|[1-9][0-9]*)$/ || length($5) > 16) refuse("no size")
  if (length($6) != 64 || $6 ~ /[^0-9a-f]/) refuse("no SHA-256")
  name = dataset "@" $2
  path = $3 == "full" ? "artifacts/anchors/" name ".full" : "artifacts/incr/" name ".incr.from_" $4
  path = path ".send.zst.age"
  if ($7 != path) refuse("another path")
  key = dataset "/" path
  if ($8 != "-" && substr($8, length($8) - length(key) + 1) != key) refuse("another object")
  last_day = day; label = $2 ""; type = $3; parent = $3 == "full" ? "" : $4
  if ($3 == "full") anchor = $2
  above[$2] = 1
}
END {
  if (NR == 0) refuse("it is empty")
  if (refused) exit 1
  print "DATASET=" dataset
  print "LATEST_LABEL=" label
  print "LATEST_TYPE=" type
  print "LATEST_PARENT=" parent
  print "LATEST_ARTIFACT=" path
  print "ANCHOR_LABEL=" anchor
  print "ARTIFACTS=" (NR - 1)
}`;
