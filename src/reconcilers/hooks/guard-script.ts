/** A shell function: waits for a process of this shell, whatever signals come meanwhile; its exit code is in `$code`. */
const AWAIT = `await() {
  while :; do
    wait "$1" && code=0 || code=$?
    kill -s 0 "$1" 2>/dev/null || return 0
  done
}
`;

/**
 * Runs `$guarded` in a session of its own, and hands on that it is to end. What ends a script of ours signals its group,
 * and kills it soon afterwards: this one goes, and the other goes on.
 */
export const GUARD = `set -eu
${AWAIT}printf %s "$guarded" | setsid sh -c 'eval "$(cat)"' &
guard=$!
trap 'kill -s TERM "$guard" 2>/dev/null || :' HUP INT TERM PIPE
await "$guard"
exit "$code"`;

/**
 * What stands in front of a guarded script. `$w` is a folder of its own. `guard` has `afterwards` run at the end, however
 * that comes. `hook NAME SECONDS [VARIABLE=VALUE]… COMMAND…` runs one, `take` a function as a step that is always finished.
 *
 * Nothing is written to stdout and stderr before the end, where it does no harm that nobody reads them any more. What a hook
 * says goes through a pipe, of which a bounded part is kept: one that prints a whole database fills no disk, and one that
 * leaves a daemon behind is not waited for. Descriptors 7 and 8 are locks, which a daemon would keep.
 */
export const GUARDED = `set -eu
cd /
${AWAIT}
began=
hook_pid=
taking=
stopped=
guard() {
  w=
  trap ended EXIT
  trap 'exit 143' HUP INT TERM PIPE
  w=$(mktemp -d /run/devbackup.XXXXXX)
  : >"$w/failed"
}
ended() {
  ended_with=$?
  trap - EXIT
  # not ignored: what is started from here on would ignore them, too
  trap : HUP INT TERM PIPE
  set +e
  if [ -n "$hook_pid" ]; then
    stopped=1
    kill -s TERM "$hook_pid"
    hook_over
    stopped=
  fi
  [ -z "$taking" ] || await "$taking"
  [ -z "$began" ] || afterwards
  [ -z "$w" ] || { cat "$w/failed"; rm -rf "$w"; }
  exit "$ended_with"
}
hook() {
  hook_name=$1 hook_seconds=$2
  shift 2
  mkfifo "$w/$hook_name"
  { dd bs=4096 count=256; tail -c 4096; : >"$w/$hook_name.read"; } <"$w/$hook_name" >"$w/$hook_name.said" 2>/dev/null 7>&- 8>&- &
  read -r hook_began _ </proc/uptime
  hook_home=~root
  env -i PATH="$PATH" HOME="$hook_home" USER=root LOGNAME=root SHELL=/bin/sh LC_ALL=C "$@" </dev/null >"$w/$hook_name" 2>&1 7>&- 8>&- &
  hook_pid=$!
  hook_over
}
hook_over() {
  await "$hook_pid"
  read -r hook_now _ </proc/uptime
  # it may end with these of itself
  case $stopped$code in
    124 | 137) [ "$((\${hook_now%.*} - \${hook_began%.*}))" -lt "$hook_seconds" ] || code=late ;;
  esac
  if [ -n "$stopped" ] || [ "$code" = late ]; then
    hook_tries=0
    while kill -s 0 -- "-$hook_pid" 2>/dev/null && [ "$hook_tries" -lt 100 ]; do
      sleep 0.1
      hook_tries=$((hook_tries + 1))
    done
    kill -s KILL -- "-$hook_pid" 2>/dev/null || :
  fi
  hook_pid= hook_tries=0
  while [ ! -e "$w/$hook_name.read" ] && [ "$hook_tries" -lt 20 ]; do
    sleep 0.05
    hook_tries=$((hook_tries + 1))
  done
  tell "$hook_name"
}
take() {
  "$1" >"$w/$1.said" 2>&1 8>&- &
  taking=$!
  await "$taking"
  taking=
  tell "$1"
}
tell() {
  [ "$code" = 0 ] || { echo "$1 $code"; tail -n 12 "$w/$1.said" | tail -c 2000 | sed 's/^/| /'; printf '\\n\\n'; } >>"$w/failed"
}
`;
