#!/bin/sh
# sh 4-workstation.sh [LABEL], on the workstation
# Receives LABEL (or the server's newest) from the server over your ssh, and puts a writable copy at the dataset's
# path. The read-only snapshot stays: the next increment builds on it. Run it with sudo: ssh is then run as you.
#   COPY=DIR   receives from the keys, manifest and artifacts in DIR, without a server
. "$(dirname "$0")/common.sh"

wanted=${1:-}
[ -z "$wanted" ] || is_label "$wanted"
need_root "$wanted"
# from the server, unless COPY says where else, or no server but this machine is declared
if [ "$COPY" = "$REPOSITORY" ] && [ -n "$SERVER" ]; then from_server=yes; else from_server=no; fi
if [ "$from_server" = yes ]; then need btrfs awk openssl ssh; else need btrfs zstd age openssl awk; fi
say "$NAME is put at $DATASET_PATH, its read-only snapshot into $SNAPSHOTS."

for path in "$SNAPSHOTS" "$DATASET_PATH"; do
  [ -d "$(dirname "$path")" ] || stop "$(dirname "$path") is not there" "mount its disk, or create the user $OWNER first: useradd -m $OWNER"
done
[ -d "$SNAPSHOTS" ] || mkdir -m 755 "$SNAPSHOTS" || exit 1
btrfs filesystem df "$SNAPSHOTS" >/dev/null 2>&1 || stop "$SNAPSHOTS is not on Btrfs" "mount a Btrfs file system there first"

# on_server WORD...: as you, since the ssh keys are yours
on_server() {
  words=$BECOME
  for word in "$@"; do words="$words '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
  # $SSH is a command and its options
  # shellcheck disable=SC2086
  ${SUDO_USER:+sudo -u "$SUDO_USER" --} $SSH -- "$SERVER" "$words" </dev/null
}

if [ "$from_server" = no ]; then
  receive_chain "$SNAPSHOTS" "$SNAPSHOTS/." "$wanted"
else
  say "Asking $SERVER."
  label=${wanted:-$(on_server tail -n 1 "$MANIFEST" | cut -f 2)}
  [ -n "$label" ] || stop "$SERVER did not tell its newest label" "try it by hand: $SSH $SERVER $BECOME true" "SERVER, SSH and BECOME stand in settings.sh"
  is_label "$label"
  mark=$SNAPSHOTS/.$NAME@$label.receiving
  here=$SNAPSHOTS/$NAME@$label there=$COPY/restore/worktree_receive/$NAME@$label
  # it was taken here, and what the server has was received from it
  taken_here() {
    [ -d "$here" ] && [ "$(btrfs property get -ts "$here" ro)" = ro=true ] &&
      [ "$(uuid_of "$here" UUID)" = "$(on_server btrfs subvolume show "$there" | uuid_in 'Received UUID')" ]
  }
  if ! whole "$here" "$mark" && ! taken_here; then
    { [ "$(on_server btrfs property get -ts "$there" ro)" = ro=true ] && on_server test ! -e "$COPY/tmp/$NAME@$label.receiving"; } ||
      stop "$SERVER does not have $NAME@$label whole" "there, first: sh 3-server.sh $label"
    receive "$SNAPSHOTS" "$NAME@$label" "$mark" on_server btrfs -q send "$there"
  fi
fi
writable_copy "$SNAPSHOTS/$NAME@$label" "$DATASET_PATH"
sync
say "Done. $DATASET_PATH is as it was in $label. With devbackup installed again: devbackup plan"
