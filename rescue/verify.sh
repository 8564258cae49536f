#!/bin/sh
# sh verify.sh [LABEL]
# Checks the manifest's signature, and the artifacts that LABEL (or the newest label) is made of. Changes nothing.
#   COPY=DIR   looks into DIR instead of the repository
. "$(dirname "$0")/common.sh"

wanted=${1:-}
[ -z "$wanted" ] || is_label "$wanted"
need openssl awk
[ -e "$MANIFEST" ] || stop "$MANIFEST is not there" "first: sh 2-fetch.sh"
check_signature "$MANIFEST" "$MANIFEST.sig"
read_chain "$MANIFEST" "$wanted"
bad=0
while read -r _ bytes sum path; do
  if [ ! -e "$COPY/$path" ]; then say "MISSING  $path"; bad=$((bad + 1))
  elif is_artifact "$COPY/$path" "$bytes" "$sum"; then say "good     $path"
  else say "DAMAGED  $path"; bad=$((bad + 1)); fi
done <"$work/chain"
[ "$bad" = 0 ] || refuse "$bad of the artifacts that $label is made of cannot be used" "move the damaged ones away, then: sh 2-fetch.sh $label"
say "All that $label is made of is there and good."
