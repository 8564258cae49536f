import { type ResolvedSsh, type SshSpec, type SshSurroundings, sshSelection } from "./config.ts";

/**
 * The OpenSSH client, up to and without the remote command, that reaches the same host, login and host key as
 * our own connection does: the user's configuration, and over it what the desired state says.
 */
export function openSshArgv(spec: SshSpec, ssh: ResolvedSsh, around: SshSurroundings): readonly string[] {
  const options = {
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UpdateHostKeys: "no",
    PasswordAuthentication: "no",
    KbdInteractiveAuthentication: "no",
    ConnectTimeout: String(Math.ceil(ssh.connectTimeoutMs / 1000)),
    ServerAliveInterval: String(Math.max(1, Math.round(ssh.keepAlive.intervalMs / 1000))),
    // it gives up one interval later than this says
    ServerAliveCountMax: String(Math.max(1, ssh.keepAlive.countMax - 1)),
    // a master left over from elsewhere may have been opened under other options
    ControlMaster: "no",
    ControlPath: "none",
    ClearAllForwardings: "yes",
    ForwardAgent: "no",
    ForwardX11: "no",
    PermitLocalCommand: "no",
    RemoteCommand: "none",
    RequestTTY: "no",
    Compression: "no",
    LogLevel: "ERROR",
    // hardware AES moves a quarter more than the default
    Ciphers:
      "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr",
    KexAlgorithms: "^curve25519-sha256",
    ...(spec.identityFile === undefined ? {} : { IdentitiesOnly: "yes" }),
    ...(spec.knownHosts === undefined ? {} : { UserKnownHostsFile: `"${spec.knownHosts}"` }),
  };
  return [
    "ssh",
    ...sshSelection(spec, around),
    ...(spec.identityFile === undefined ? [] : ["-i", spec.identityFile]),
    ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
    ...["-T", "--", spec.address],
  ];
}
