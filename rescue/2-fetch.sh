#!/bin/sh
# sh 2-fetch.sh [LABEL]
# Fetches the manifest, checks who signed it, and fetches the artifacts that LABEL is made of (the newest label,
# if none is named), each checked against the manifest. Goes on where it was cut off; never overwrites.
#   FROM=DIR          takes them from a disk or folder instead of the bucket
#   COPY=DIR          puts them into DIR instead of the repository
#   CREDENTIALS=FILE  the bucket's access key id and secret, a line each, mode 600; or AWS_ACCESS_KEY_ID and
#                     AWS_SECRET_ACCESS_KEY in the environment; else you are asked
. "$(dirname "$0")/common.sh"

wanted=${1:-}
[ -z "$wanted" ] || is_label "$wanted"
need age openssl awk
[ -e "$BACKUP_KEY" ] || stop "$BACKUP_KEY is not there" "first: sh 1-keys.sh IDENTITY-FILE"
log_in
make_folders
say "Fetching $NAME from $(origin) into $COPY."

# the manifest first: whoever writes sends the signature before it
again="run this again; if it stays so, take another copy: FROM=DIR sh $0"
if [ -n "$FROM" ] && [ -e "$FROM/manifests/snapshots_v2.tsv" ]; then
  cp "$FROM/manifests/snapshots_v2.tsv" "$work/manifest" || exit 1
else
  bring manifests/snapshots_v2.tsv.age "$work/manifest.age" || refuse "$(origin) has no manifests/snapshots_v2.tsv.age that could be fetched" "$again"
  age -d -i "$BACKUP_KEY" "$work/manifest.age" >"$work/manifest" || refuse "the manifest could not be decrypted" "$again"
fi
bring manifests/snapshots_v2.tsv.sig "$work/signatures" || refuse "$(origin) has no signature beside the manifest" "$again"
check_signature "$work/manifest" "$work/signatures"
if [ -e "$MANIFEST" ]; then
  cmp -s "$work/manifest" "$MANIFEST" || stop "$MANIFEST is there, and is another one" "the repository may have survived: try  sh verify.sh" "else move it away, then run this again"
else
  # the note tells devbackup that the bucket's manifest is this repository's own
  [ -n "$FROM" ] || say "$(openssl dgst -sha256 -r <"$work/manifest" | cut -c 1-64) 0 -" >"$COPY/manifests/pushed" || exit 1
  cp "$work/good" "$MANIFEST.sig.new" && cp "$work/manifest" "$MANIFEST.new" && sync &&
    mv "$MANIFEST.sig.new" "$MANIFEST.sig" && mv "$MANIFEST.new" "$MANIFEST" || exit 1
fi

read_chain "$MANIFEST" "$wanted"
awk -v label="$label" '{ bytes += $2 } END { printf "%s is made of %d artifacts, %.0f MB.\n", label, NR, bytes / 1e6 }' "$work/chain"
df -Pk "$COPY" | awk 'NR == 2 { printf "Free in %s: %.0f MB.\n", $6, $4 / 1000 }'
while read -r _ bytes sum path <&3; do
  if [ -e "$COPY/$path" ]; then
    is_artifact "$COPY/$path" "$bytes" "$sum" || refuse "$COPY/$path is there, and is not what the signed manifest says" "it is damaged or forged: move it away, then run this again"
    say "There already: $path"
    continue
  fi
  part=$COPY/tmp/${path##*/}.rescue
  # more than there should be: of no use for going on
  [ ! -e "$part" ] || [ "$(stat -c %s "$part")" -lt "$bytes" ] || rm -f "$part"
  say "Fetching $path ($bytes bytes)"
  bring "$path" "$part"
  case $? in
    0) ;;
    4) refuse "$(origin) has no $path: the chain of $label has a hole" "take it from another copy (FROM=DIR sh $0 $label), or restore a label whose chain is whole" ;;
    *) stop "$path could not be fetched" "run this again: it goes on where it was cut off" ;;
  esac
  if ! is_artifact "$part" "$bytes" "$sum"; then
    rm -f "$part"
    refuse "$path from $(origin) is not what the signed manifest says: it is damaged or forged" "nothing of it was kept; $again $label"
  fi
  chmod 440 "$part" && sync && mv "$part" "$COPY/$path" || exit 1
done 3<"$work/chain"
sync
say "Done. Next: sh 3-server.sh $label" "  (or, with no server: COPY=$COPY sh 4-workstation.sh $label)"
