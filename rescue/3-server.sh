#!/bin/sh
# sh 3-server.sh [LABEL], on the server
# Receives what LABEL (or the newest label) is made of, in order, into the repository, and makes the working copy.
# What is whole already is skipped; of what is not, only its own half-received snapshots are removed.
. "$(dirname "$0")/common.sh"

wanted=${1:-}
[ -z "$wanted" ] || is_label "$wanted"
need_root "$wanted"
need btrfs zstd age openssl awk
hydrated=$COPY/restore/worktree_receive
say "The snapshots of $NAME go into $hydrated, the working copy to ${WORKING_COPY:-nowhere: none is declared}."
make_folders
btrfs filesystem df "$hydrated" >/dev/null 2>&1 || stop "$hydrated is not on Btrfs" "mount the repository's Btrfs disk there first"
if command -v flock >/dev/null; then
  exec 8>>"$COPY/locks/receive.lock" || exit 1
  flock -n 8 || stop "something else is receiving there at this moment" "wait for it to end"
fi
receive_chain "$hydrated" "$COPY/tmp/" "$wanted"

device_of() { df -P "$1" | awk 'NR == 2 { print $1 }'; }
if [ -n "$WORKING_COPY" ]; then
  above=$(dirname "$WORKING_COPY")
  (umask 022 && mkdir -p "$above") || exit 1
  base=$hydrated/$NAME@$label
  if [ "$(device_of "$above")" != "$(device_of "$hydrated")" ]; then
    # snapshots stay within one file system
    base=$WORKING_COPY.devbackup/$NAME@$label
    [ -d "$WORKING_COPY.devbackup" ] || mkdir "$WORKING_COPY.devbackup" || exit 1
    mark=$COPY/tmp/$NAME@$label.copying
    whole "$base" "$mark" || receive "$WORKING_COPY.devbackup" "$NAME@$label" "$mark" btrfs -q send "$hydrated/$NAME@$label"
  fi
  writable_copy "$base" "$WORKING_COPY"
  say "$(uuid_of "$WORKING_COPY" UUID) $label" >"$COPY/restore/working_copy"
fi
say "Done. Next, on the workstation: sh 4-workstation.sh $label"
