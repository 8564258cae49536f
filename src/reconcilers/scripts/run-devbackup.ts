import { SCHEDULE_FOLDER, SCHEDULE_STANDPOINT } from "../../desired-state/standpoint.ts";
import { sh } from "../../transport/quote.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import { STATE_FOLDER } from "../schedule/schedule-facts.ts";
import { CREDENTIALS } from "../schedule/unit-files.ts";

/**
 * Shell functions, behind those of a script. `run WORD…`: devbackup as it is on this machine, or else that of its schedule,
 * which has the desired state, the ways to the other hosts and the secrets that only systemd hands out; where there is
 * neither, what to type instead.
 */
export const RUN = `
word() {
  case $1 in
    '' | *[!A-Za-z0-9_@%+:,./-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\\\\\''/g")" ;;
    *) printf '%s' "$1" ;;
  esac
}
run() {
  if command -v devbackup >/dev/null; then exec devbackup "$@"; fi
  if [ -e ${OWN_FOLDER}/current/devbackup ]; then scheduled "$@"; fi
  typed=devbackup
  for each; do typed="$typed $(word "$each")"; done
  stop 1 "devbackup is not on this machine" "Nothing was changed." "next: where you apply from: $typed"
}
${sh`scheduled() {
  [ "$(id -u)" = 0 ] || stop 1 "the devbackup of this machine's schedule is root's" "Nothing was changed." "next: the same behind sudo"
  set -- ${`${OWN_FOLDER}/current/devbackup`} "$@" --config ${`${SCHEDULE_FOLDER}/desired-state`}
  # systemd puts variables in for what begins with a dollar sign
  for each; do shift; set -- "$@" "$(printf '%s' "$each" | sed 's/\$/$$/g')"; done
  for f in ${CREDENTIALS}/*.digest; do
    n=$(basename "$f" .digest)
    [ ! -f ${CREDENTIALS}/"$n" ] || set -- -p LoadCredentialEncrypted="$n:"${CREDENTIALS}"/$n" "$@"
  done
  how=--pipe
  if [ -t 0 ] && [ -t 1 ] && [ -t 2 ]; then how=--pty; fi
  exec systemd-run --quiet --collect --wait --same-dir "$how" -p LimitCORE=0 --setenv=DEVBACKUP_STANDPOINT=${SCHEDULE_STANDPOINT} --setenv=XDG_STATE_HOME=${`/var/lib/${STATE_FOLDER}`} "$@"
}
`}`;
