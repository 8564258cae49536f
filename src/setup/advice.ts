import type { Trouble } from "../domain/trouble.ts";
import { LOCKED } from "../transport/ssh/identity-file.ts";
import type { NewHostKey } from "../transport/ssh/new-host-key.ts";
import { NO_KEY, START_AGENT } from "../transport/ssh/trouble.ts";

/** Who logs in, and what stands behind `ssh` for it: `-p 2222 chuck@backup.lan`. */
export interface Login {
  readonly user: string;
  /** Undefined on this machine. */
  readonly ssh: string | undefined;
}

/** What to type where a machine is not reached, or root not become there; in one line. */
export function adviceFor({ code, why, next = "" }: Trouble, { user, ssh }: Login): string {
  switch (code) {
    case "login-refused":
      // an agent that is started elsewhere is not this program's
      if (why?.includes(LOCKED))
        return `${next.startsWith(START_AGENT) ? "Ctrl-C, then" : "In another terminal"}: ${next}`;
      return `In another terminal: ${why === NO_KEY ? "ssh-keygen -t ed25519 && " : ""}ssh-copy-id ${ssh}`;
    case "sudo-password":
    case "sudo-refused": {
      const allow = `echo '${user} ALL=(root) NOPASSWD: ALL' | sudo tee -a /etc/sudoers.d/devbackup`;
      return `In another terminal: ${ssh === undefined ? allow : `ssh -t ${ssh} "${allow}"`}`;
    }
    default:
      return next;
  }
}

/** A host key as ssh-keygen tells it, and the command that tells it on the host itself. */
export function ofHostKey({ type, fingerprint }: Pick<NewHostKey, "type" | "fingerprint">): {
  readonly shown: string;
  readonly compare: string;
} {
  const short = type.startsWith("ecdsa-") ? "ecdsa" : type.replace(/^ssh-/, "");
  return {
    shown: `${short.toUpperCase()} ${fingerprint}`,
    compare: `ssh-keygen -lf /etc/ssh/ssh_host_${short}_key.pub`,
  };
}
