#!/bin/sh
# sh 1-keys.sh IDENTITY-FILE
# Opens the escrow with the recovery identity, and puts the server's keys into place. age asks for the passphrase.
# Keys that are there already are never replaced.
#   FROM=DIR   takes the escrow from a disk or folder instead of the bucket
#   COPY=DIR   puts the keys into DIR/keys instead of the repository
. "$(dirname "$0")/common.sh"

identity=${1:-}
[ -n "$identity" ] || stop "which file holds the recovery identity?" "sh $0 IDENTITY-FILE" "it is on the page that you printed when it was made; type or scan it into a file"
[ -r "$identity" ] || stop "$identity cannot be read"
need age age-keygen openssl awk
say "The keys of $NAME go into $COPY/keys."
make_folders

escrow=$COPY/keys/escrow.age
if [ -n "$FROM" ] || [ ! -e "$escrow" ]; then
  log_in
  say "Fetching the escrow from $(origin)."
  bring keys/escrow.age "$work/escrow.age" || refuse "$(origin) has no keys/escrow.age that could be fetched" "take it from another copy: FROM=DIR sh $0 $identity"
  escrow=$work/escrow.age
fi

# plaintext lies in this folder alone, which root alone can enter, until it has its name
new=$COPY/keys/.rescue
rm -rf "$new" && mkdir -m 700 "$new" || exit 1
trap 'rm -rf "$work" "$new"' EXIT
{ age -d -i "$identity" "$escrow" || : >"$work/failed"; } | awk -v name="$NAME" -v out="$new/" '
  function bad(why) { print "line " NR " of the escrow: " why | "cat >&2"; failed = 1; exit 1 }
  ended { bad("something after its end") }
  NR == 1 { if ($0 != "devbackup-escrow 1") bad("no escrow that this kit knows"); next }
  NR == 2 { if ($0 != "dataset " name) bad("it is of another dataset than " name); next }
  NR == 3 { if ($1 != "made") bad("no date"); next }
  $1 == "file" {
    if ($0 !~ "^file ls_" name "_(backup\\.key|sign\\.key|sign\\.pub)$" || ($2 in seen)) bad($2 " has no place in it")
    seen[$2]; file = out $2; next
  }
  /^\| / { if (file == "") bad("a line of no file"); print substr($0, 3) >file; next }
  $0 == "|" { if (file == "") bad("a line of no file"); print "" >file; next }
  $0 == "end" { ended = 1; next }
  { bad("neither a file nor a line of one") }
  END { if (!failed && !ended) { print "it has no end" | "cat >&2"; exit 1 } }' || : >"$work/failed"
[ ! -e "$work/failed" ] || refuse "the escrow could not be opened" "is this the identity of one of: ${RECIPIENTS:-(settings.sh names none)}?" "nothing was put into place; it is safe to run this again"
for key in backup.key sign.key sign.pub; do
  [ -s "$new/ls_${NAME}_$key" ] || refuse "the escrow holds no ls_${NAME}_$key" "take another copy of it: FROM=DIR sh $0 $identity"
done
public=$new/ls_${NAME}_backup.pub
# where its output finds no room, age-keygen ends with 0 all the same, and cat does not
{ age-keygen -y "$new/ls_${NAME}_backup.key" | cat >"$public"; } && [ -s "$public" ] || refuse "the key in the escrow gave no public half: it is no age identity, or there is no room"

# anyone can encrypt to a recipient: who made this escrow, the signer's fingerprint alone can tell
signer=$(key_in <"$new/ls_${NAME}_sign.pub")
print=$(fingerprint "$signer")
declared=$(printf '%s\n' "$SIGNER" | key_in)
if [ -n "$declared" ]; then
  [ "$signer" = "$declared" ] || refuse "the escrow's signer is $print, and settings.sh names $(fingerprint "$declared")" "do not go on with this escrow: take it from another copy, FROM=DIR sh $0 $identity"
  say "Its signer is the one that settings.sh names: $print"
elif [ "${TRUST:-}" != "$print" ]; then
  say "" "The escrow says that the server signs with" "  $print" "Compare it with your page (devbackup keys show tells it). Another one means that this copy is forged."
  [ -t 0 ] || stop "nobody is here to compare it" "TRUST=$print sh $0 $identity"
  printf 'Is it the same? Type yes: '; read -r answer
  [ "$answer" = yes ] || refuse "the signer is not the one you know" "nothing was put into place"
fi

for file in "$new"/ls_*; do
  at=$COPY/keys/${file##*/}
  if [ -e "$at" ]; then
    cmp -s "$file" "$at" || stop "$at is there, and is another key" "this kit never overwrites: move it away if it is of no use, then run this again"
  fi
done
for file in "$new"/ls_*; do
  at=$COPY/keys/${file##*/}
  if [ -e "$at" ]; then say "There already: $at"; continue; fi
  case $at in *.key) chmod 400 "$file" ;; *) chmod 444 "$file" ;; esac
  mv "$file" "$at" || exit 1
  say "In place: $at"
done
if [ ! -e "$COPY/keys/escrow.age" ]; then
  # the note tells devbackup that the bucket's escrow is this repository's own
  [ -n "$FROM" ] || say "$(openssl dgst -sha256 -r <"$escrow" | cut -c 1-64) 0 -" >"$COPY/keys/escrow.pushed" || exit 1
  cp "$escrow" "$new/escrow.age" && chmod 440 "$new/escrow.age" && mv "$new/escrow.age" "$COPY/keys/escrow.age" || exit 1
fi
sync
say "Done. Next: sh 2-fetch.sh"
