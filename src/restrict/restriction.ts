import type { DesiredState, HostSpec } from "../desired-state/desired-state.ts";
import type { AbsolutePath } from "../domain/names.ts";
import { OWN_FOLDER } from "../reconcilers/machine/own-folder.ts";
import {
  AUTHORIZED_KEYS,
  type Restriction,
  type RestrictionFile,
  SUDOERS_FILE,
} from "../reconcilers/machine/restriction.ts";
import { allowedScripts } from "./allowed.ts";
import { FILTER } from "./filter.ts";

/** All that keeps the login of `host` to what is declared; null where it is kept to nothing. */
export async function restrictionOf(
  desired: DesiredState,
  { name, restrict }: HostSpec,
): Promise<Restriction | null> {
  if (restrict === undefined) return null;
  const { login, level, publicKey } = restrict;
  const allowed = await allowedScripts(desired, name, level);
  const { cloud } = desired;
  const own = (file: string, lines: readonly string[], mode = "600"): RestrictionFile => ({
    path: `${OWN_FOLDER}/${file}` as AbsolutePath,
    mode,
    content: lines.map((line) => `${line}\n`).join(""),
  });
  return {
    login,
    level,
    files: [
      { ...own("restricted", []), mode: "755", content: FILTER },
      own("allowed", allowed.scripts),
      own("allowed-with-address", allowed.withAddress),
      own("allowed-signals", allowed.signals),
      own(
        "address",
        cloud === null ? [""] : [`${cloud.endpoint}/${cloud.bucket}/${encodeURI(cloud.prefix)}`],
      ),
      own("login", [login]),
      { path: SUDOERS_FILE as AbsolutePath, mode: "440", content: sudoers(login) },
      { path: AUTHORIZED_KEYS as AbsolutePath, mode: "644", content: authorizedKeys(publicKey) },
    ],
  };
}

/** One command, and no argument to it (sudoers(5), Cmnd_List: `""`). Bulk bytes go past sudo, not through a terminal of it. */
const sudoers = (login: string): string => `# Written by devbackup, which sees when it is changed.
Defaults!${OWN_FOLDER}/restricted env_reset, !setenv, !requiretty, !use_pty
${login} ALL=(root) NOPASSWD: ${OWN_FOLDER}/restricted ""
`;

/** `restrict`: no terminal, no forwarding of ports, agent or X11, no start-up file (sshd(8)). */
const authorizedKeys = (publicKey: string): string => `# Written by devbackup, which sees when it is changed.
restrict,command="${OWN_FOLDER}/restricted" ${publicKey} devbackup
`;
