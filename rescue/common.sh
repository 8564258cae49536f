# shellcheck shell=sh disable=SC2153,SC2154
# What the scripts of this kit share; by itself it does nothing.
# Exit codes: 1 something is missing or failed, 6 something stored is damaged, missing or not authentic.

set -u
umask 077
LC_ALL=C; export LC_ALL
KIT=$(cd "$(dirname "$0")" && pwd) || exit 1
# shellcheck source=/dev/null
. "$KIT/settings.sh"

# Where keys, manifest and artifacts are put and read: the repository, or the folder that COPY names.
COPY=${COPY:-$REPOSITORY}
# Where they are taken from instead of the bucket: a disk, or what rclone brought. It holds artifacts/ and manifests/.
FROM=${FROM:-}
if [ -n "$FROM" ] && [ -d "$FROM/$NAME/manifests" ]; then FROM=$FROM/$NAME; fi

MANIFEST=$COPY/manifests/snapshots_v2.tsv
BACKUP_KEY=$COPY/keys/ls_${NAME}_backup.key
SIGN_PUB=$COPY/keys/ls_${NAME}_sign.pub

say() { printf '%s\n' "$@"; }
# What is wrong, and then, line by line, what to do.
stop() { complain "$@"; exit 1; }
refuse() { complain "$@"; exit 6; }
complain() {
  printf '\nSTOPPED: %s\n' "$1" >&2; shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

need() {
  missing=
  for tool in "$@"; do command -v "$tool" >/dev/null || missing="$missing $tool"; done
  [ -z "$missing" ] || stop "not installed:$missing" "on Debian and Ubuntu: apt-get install btrfs-progs zstd age openssl curl"
  openssl pkeyutl -help 2>&1 | grep -q rawin || stop "$(openssl version) is too old" "OpenSSL 3 is needed"
}

need_root() { [ "$(id -u)" = 0 ] || stop "this has to be done as root" "sudo sh $0 $*"; }

is_label() {
  case $1 in
    [0-9][0-9][0-9][0-9]-[0-9][0-9] | [0-9][0-9][0-9][0-9]-W[0-9][0-9] | [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
    *) stop "$1 is no label" "a label of $NAME looks like $LABEL_SHAPE; without one, the newest is taken" ;;
  esac
}

# The folders of COPY, as devbackup makes them.
make_folders() {
  for folder in "" /artifacts /artifacts/anchors /artifacts/incr /manifests /keys /restore /restore/worktree_receive /tmp /logs /locks; do
    [ -d "$COPY$folder" ] && continue
    (umask 022 && mkdir -p "$COPY$folder") || stop "$COPY$folder could not be made" "is its disk mounted? Are you root?"
    case $folder in /keys | /tmp) chmod 700 "$COPY$folder" ;; *) chmod 750 "$COPY$folder" ;; esac || exit 1
  done
}

# --- the bucket, or the folder FROM ------------------------------------------------------------

# Asks for what it needs once; the secret never stands in a command's arguments.
log_in() {
  [ -z "$FROM" ] || return 0
  [ -n "$BUCKET" ] || stop "there is no bucket in settings.sh" "say where a copy lies: FROM=/media/disk/$NAME sh $0"
  need curl
  curl --help all | grep -q aws-sigv4 || stop "this curl cannot sign requests (7.75 and newer can)" "fetch with rclone instead: see README, \"With rclone\""
  if [ -n "${CREDENTIALS:-}" ]; then
    case $(stat -c %a "$CREDENTIALS") in *00) ;; *) stop "$CREDENTIALS can be read by others" "chmod 600 $CREDENTIALS" ;; esac
    { IFS= read -r AWS_ACCESS_KEY_ID && IFS= read -r AWS_SECRET_ACCESS_KEY; } <"$CREDENTIALS" ||
      stop "$CREDENTIALS does not hold two lines" "the access key id, and below it the secret access key"
  elif [ -z "${AWS_ACCESS_KEY_ID:-}" ] || [ -z "${AWS_SECRET_ACCESS_KEY:-}" ]; then
    [ -t 0 ] || stop "the bucket's access key is not given" "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or CREDENTIALS=FILE (two lines, mode 600)"
    printf 'Access key id of the bucket %s: ' "$BUCKET"; IFS= read -r AWS_ACCESS_KEY_ID
    printf 'Secret access key (not shown): '
    trap 'stty echo; exit 130' HUP INT TERM
    stty -echo; IFS= read -r AWS_SECRET_ACCESS_KEY; stty echo; echo
  fi
}

# bring PATH FILE: one file of the dataset; goes on where a cut-off one stopped. Gives 4 where there is none.
bring() {
  if [ -n "$FROM" ]; then
    [ -e "$FROM/$1" ] || return 4
    cp -- "$FROM/$1" "$2"; return
  fi
  url=$ENDPOINT/$BUCKET/$PREFIX$NAME/$(printf %s "$1" | sed 's/@/%40/g')
  for pause in 1 3 10 30 0; do
    # the header is the SHA-256 of an empty request, which a curl before 8 does not send by itself
    printf 'user = "%s:%s"\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" |
      curl -K - --aws-sigv4 "aws:amz:$REGION:s3" -H 'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' \
        -f -sS -C - -o "$2" -w '%{http_code}' "$url" >"$work/answer" && return
    answer=$(cat "$work/answer")
    case $answer in
      404) return 4 ;;
      401 | 403) stop "the bucket refuses this access key" "check key and secret; the clock of this machine must be right too: $(date -u)" ;;
      416) return 0 ;; # nothing after what is there already
      408 | 429) ;;
      4??) stop "the bucket answers $answer" "check ENDPOINT, BUCKET and REGION in settings.sh; or fetch with rclone, see README" ;;
    esac
    [ "$pause" = 0 ] || say "  cut off; going on in $pause s" >&2
    sleep "$pause"
  done
  return 1
}

origin() { if [ -n "$FROM" ]; then say "$FROM"; else say "the bucket $BUCKET"; fi; }

# --- the signature -----------------------------------------------------------------------------

# The base64 of an ed25519 key, from "ssh-ed25519 AAAA… comment".
key_in() { awk '$1 == "ssh-ed25519" { print $2; exit }'; }
fingerprint() { printf 'SHA256:%s' "$(printf %s "$1" | openssl base64 -d -A | openssl dgst -sha256 -binary | openssl base64 -A | tr -d =)"; }

# Sets $signer: the one that settings.sh names, or the one that came out of the escrow.
find_signer() {
  signer=$(printf '%s\n' "$SIGNER" | key_in)
  [ -n "$signer" ] || ! [ -e "$SIGN_PUB" ] || signer=$(key_in <"$SIGN_PUB")
  [ -n "$signer" ] || stop "it is not known who signs the manifest" "first: sh 1-keys.sh IDENTITY-FILE"
  say "The manifest must be signed by $(fingerprint "$signer")."
}

# signed_by KEY FILE SIGNATURE: as `ssh-keygen -Y verify` (PROTOCOL.sshsig of OpenSSH), for ed25519. Of the block
# its last 64 bytes alone are needed: what was signed is put together here, so that a signature by another key, for
# another purpose or of another file does not fit.
signed_by() {
  sed '/^-----/d' "$3" | tr -d '\n' | openssl base64 -d -A 2>/dev/null | tail -c 64 >"$work/signature"
  { printf 'SSHSIG\0\0\0\022devbackup-manifest\0\0\0\0\0\0\0\006sha512\0\0\0\100'
    openssl dgst -sha512 -binary "$2"; } >"$work/signed"
  # the key as openssl takes it (RFC 8410)
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'
    printf %s "$1" | openssl base64 -d -A | tail -c 32; } >"$work/key"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$work/signed" -sigfile "$work/signature" >/dev/null 2>&1
}

# check_signature MANIFEST SIGNATURES: one of the blocks must fit; it is left in $work/good.
check_signature() {
  find_signer
  rm -f "$work"/block.*
  awk -v out="$work/block." '/^-----BEGIN SSH SIGNATURE-----$/ { n++ } n > 0 && n < 9 { print >(out n) }' "$2"
  for block in "$work"/block.*; do
    if [ -e "$block" ] && signed_by "$signer" "$1" "$block"; then
      mv "$block" "$work/good"
      say "The manifest's signature is good."
      return
    fi
  done
  refuse "the signature of the manifest is wrong: it was changed, or another key signed it" \
    "Nothing of it was used. Do not go on with this copy: take it from another place (FROM=DIR)." \
    "If the server got new keys since this kit was made: a newer kit has their fingerprint."
}

# --- the manifest ------------------------------------------------------------------------------

# read_chain MANIFEST LABEL: the artifacts that LABEL is made of, anchor first, into $work/chain, one a line:
# label, bytes, sha256, path. Never more than these. Sets $label. Call it on what is signed only.
read_chain() {
  awk -F '\t' -v name="$NAME" -v want="$2" -v seen="$NEWEST_SEEN" '
    function bad(why) { print "line " NR " of the manifest: " why | "cat >&2"; failed = 1; exit 1 }
    NR == 1 { if ($0 != "ts\tlabel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key") bad("not the header"); next }
    NF != 8 { bad(NF " columns instead of 8") }
    $2 !~ /^[0-9][0-9][0-9][0-9]-(W?[0-9][0-9]|[0-9][0-9]-[0-9][0-9])$/ { bad($2 " is no label") }
    $2 in row { bad($2 " stands there twice") }
    $5 !~ /^[0-9]+$/ || length($6) != 64 || $6 ~ /[^0-9a-f]/ { bad("no size, or no SHA-256") }
    {
      if ($3 == "full" && $4 == "-") path = "artifacts/anchors/" name "@" $2 ".full.send.zst.age"
      else if ($3 == "incr" && $4 in row) path = "artifacts/incr/" name "@" $2 ".incr.from_" $4 ".send.zst.age"
      else bad("neither an anchor nor an increment on a label above it")
      if ($7 != path) bad($7 " instead of " path)
      row[$2] = $2 " " $5 " " $6 " " path; parent[$2] = $4; last = $2; labels = labels " " $2
    }
    END {
      if (failed) exit 1
      if (want == "" && seen != "" && !(seen in row) && last < seen) {
        print "the newest label of the manifest is " last ", and " seen " was there when this kit was made" | "cat >&2"; exit 1
      }
      if (want == "") want = last
      if (!(want in row)) { print "the manifest has no label " want "; it has:" labels | "cat >&2"; exit 1 }
      for (at = want; at != "-"; at = parent[at]) chain[++n] = row[at]
      while (n > 0) print chain[n--]
    }' "$1" >"$work/chain" || refuse "this manifest cannot be gone by: the line above says why" \
    "take a newer or another copy (FROM=DIR), or name a label that it has"
  label=$(tail -n 1 "$work/chain" | cut -d ' ' -f 1)
}

# is_artifact FILE BYTES SHA256
is_artifact() {
  [ "$(stat -c %s "$1")" = "$2" ] && [ "$(openssl dgst -sha256 -r <"$1" | cut -c 1-64)" = "$3" ]
}

# --- snapshots ---------------------------------------------------------------------------------

uuid_in() { awk -v field="$1:" 'index($0, field) { sub(/.*: */, ""); gsub(/[ \t]/, ""); print; exit }'; }
uuid_of() { btrfs subvolume show "$1" | uuid_in "$2"; }

# whole PATH MARK: read-only, with the UUID that btrfs receive sets at its end, and without the mark of a receive
# under way: a stream that was cut off between two commands passes for a whole one (btrfs-progs, send-stream.c).
whole() {
  [ ! -e "$2" ] && [ -d "$1" ] && [ "$(stat -c %i "$1")" = 256 ] && [ "$(btrfs property get -ts "$1" ro)" = ro=true ] &&
    [ "$(uuid_of "$1" 'Received UUID')" != - ]
}

# A folder, or a link of root's to one, in which nobody else can put anything in the way.
roots_alone() {
  case "$(stat -c %u "$1") $(stat -L -c '%u %A' "$1")" in
    '0 0 d'????-??-?) ;;
    *) stop "$1 can be changed by others than root, who could lead it elsewhere" "sudo chown root: $1; sudo chmod go-w $1" ;;
  esac
}

# receive FOLDER SNAPSHOT MARK COMMAND...: what COMMAND sends becomes FOLDER/SNAPSHOT. MARK says meanwhile that it
# is ours, so that the next run may clear away what was cut off.
receive() {
  folder=$1 snapshot=$2 mark=$3; shift 3
  roots_alone "$folder"
  if [ -e "$folder/$snapshot" ]; then
    { [ -e "$mark" ] && [ ! -L "$folder/$snapshot" ]; } || stop "$folder/$snapshot is there, not whole, and not from this kit" "look at it, and move it to another name; then run this again"
    say "Clearing away what was cut off: $folder/$snapshot"
    btrfs -q subvolume delete "$folder/$snapshot" || exit 1
  fi
  # made anew: what somebody has put there before may be a link
  { rm -f "$mark" && (set -C; : >"$mark") && sync; } || exit 1
  say "Receiving $snapshot into $folder; this takes a while."
  rm -f "$work/failed"
  # locked into the folder: receive goes wherever a stream's paths lead
  { "$@" || : >"$work/failed"; } | btrfs -q receive -C -e "$folder" 2>"$work/said" || : >"$work/failed"
  sed '/^Chroot to /d' "$work/said" >&2
  if [ -e "$work/failed" ] || ! whole "$folder/$snapshot" ""; then
    [ ! -e "$folder/$snapshot" ] || btrfs -q subvolume delete "$folder/$snapshot"
    rm -f "$mark"
    stop "$snapshot could not be received: the lines above say why" "nothing is left of the attempt; it is safe to run this again"
  fi
  sync && rm -f "$mark"
}

decrypted() { { age -d -i "$BACKUP_KEY" "$1" || : >"$work/failed"; } | zstd -q -d; }

# receive_chain FOLDER MARKS LABEL: the signed chain of LABEL from COPY's artifacts; what is whole already is kept.
receive_chain() {
  [ -e "$BACKUP_KEY" ] || stop "$BACKUP_KEY is not there" "first: sh 1-keys.sh IDENTITY-FILE"
  [ -e "$MANIFEST" ] || stop "$MANIFEST is not there" "first: sh 2-fetch.sh"
  check_signature "$MANIFEST" "$MANIFEST.sig"
  read_chain "$MANIFEST" "$3"
  : >"$work/todo"
  while read -r at rest; do
    if whole "$1/$NAME@$at" "$2$NAME@$at.receiving"; then : >"$work/todo"; else say "$at $rest" >>"$work/todo"; fi
  done <"$work/chain"
  while read -r at bytes sum path <&3; do
    say "Checking $path"
    [ -e "$COPY/$path" ] || refuse "$COPY/$path is missing: the chain of $label has a hole" "sh 2-fetch.sh $label"
    is_artifact "$COPY/$path" "$bytes" "$sum" ||
      refuse "$COPY/$path is damaged or forged: it is not what the signed manifest says" "move it away, then: sh 2-fetch.sh $label"
    receive "$1" "$NAME@$at" "$2$NAME@$at.receiving" decrypted "$COPY/$path"
  done 3<"$work/todo"
  say "$1/$NAME@$label is there, whole and read-only. Keep it: the next increment builds on it."
}

# writable_copy SNAPSHOT PATH: where nothing else stands.
writable_copy() {
  if [ -d "$2" ] && [ "$(stat -c %i "$2")" = 256 ] && [ "$(uuid_of "$2" 'Parent UUID')" = "$(uuid_of "$1" UUID)" ]; then
    say "$2 is a copy of it already."
    return
  fi
  rmdir "$2" 2>/dev/null # where it is an empty folder
  if [ -e "$2" ] || [ -L "$2" ]; then stop "there is something at $2" "this kit never overwrites: move it away, then run this again"; fi
  btrfs -q subvolume snapshot "$1" "$2" || stop "$2 could not be made" "it has to lie on the same Btrfs file system as $1"
  say "$2 is a writable copy of it."
}
