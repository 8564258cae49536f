import type { HostSpec } from "../../desired-state/desired-state.ts";
import { SCHEDULE_KNOWN_HOSTS } from "../../desired-state/standpoint.ts";
import type { HostName } from "../../domain/names.ts";
import { AGAIN } from "../../domain/trouble.ts";
import { sh } from "../../transport/quote.ts";
import type { WantedSchedule } from "./wanted.ts";

/** What another host is tried with. */
export interface Login {
  readonly host: HostName;
  readonly argv: readonly string[];
}

/** Each other host's, as a scheduled run will log in there: an OpenSSH client, for bulk pipes are one. */
export const loginsToTry = (
  { standpoint: { reach } }: Pick<WantedSchedule, "standpoint">,
  hosts: { get(name: HostName): Pick<HostSpec, "become" | "restrict"> | undefined },
): Login[] =>
  [...reach].map(([host, { address, port, user, identityFile }]) => ({
    host,
    argv: [
      ...["ssh", "-n", "-T", "-i", identityFile, "-p", String(port), "-l", user],
      ...["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=15"].flatMap(
        (option) => ["-o", option],
      ),
      ...["-o", `UserKnownHostsFile=${SCHEDULE_KNOWN_HOSTS}`, "--", address, toBeRun(hosts.get(host))],
    ],
  }));

/** A restricted login runs what it is allowed, and nothing else. */
const toBeRun = (host: Pick<HostSpec, "become" | "restrict"> | undefined): string =>
  host?.become !== "sudo" || host.restrict !== undefined
    ? "true"
    : `sh -c '[ "$(id -u)" = 0 ] || sudo -n true || exit ${NO_SUDO}'`;

/** Neither ssh's own 255 nor what shells end with. */
const NO_SUDO = 77;

/** A schedule that can't work is none: ends the script where a login is refused, or is not enough. */
export const tryScript = ({ host, argv }: Login): string => sh`why= code=0; said=$(${argv} 2>&1) || code=$?
case $code in
  255) why="it can't log in to "${host} ;;
  ${NO_SUDO}) why="its login of "${host}" has no sudo without a password" ;;
esac
[ -z "$why" ] || { printf '%s\n' "$why: $said" >&2; exit 1; }`;

/** What to change where a login does not do. */
export function anotherLogin(on: HostName, logins: readonly Pick<Login, "host">[]): string {
  const [{ host } = { host: null }, ...more] = logins;
  if (host === null) return AGAIN;
  const reach = `schedule.reach.${more.length > 0 ? "HOST" : host}`;
  return `set ${reach}.user to a login that has sudo without a password there, and ${reach}.address to where ${on} finds it; then: ${AGAIN}`;
}
