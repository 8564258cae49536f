import type { Trouble } from "../domain/trouble.ts";
import type { NewHostKey } from "../transport/ssh/new-host-key.ts";

/** Who logs in, and what stands behind `ssh` for it: `-p 2222 chuck@backup.lan`. */
export interface Login {
  readonly user: string;
  /** Undefined on this machine. */
  readonly ssh: string | undefined;
}

/** What to type where a machine is not reached, or root not become there; in one line. */
export function adviceFor({ code, next = "" }: Trouble, { user, ssh }: Login): string {
  const there = ssh === undefined ? "In another terminal" : "There";
  switch (code) {
    case "login-refused":
      return `In another terminal: ssh-copy-id ${ssh} (if you have no key yet, ssh-keygen -t ed25519 first)`;
    case "sudo-password":
    case "sudo-refused":
      return `${there}: sudo visudo -f /etc/sudoers.d/devbackup, and in it the line: ${user} ALL=(root) NOPASSWD: ALL`;
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
