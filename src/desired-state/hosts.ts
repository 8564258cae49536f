import { type HostName, parseHostName } from "../domain/names.ts";
import type { ConnectionSpec, HostSpec, RestrictSpec } from "./desired-state.ts";
import { nearest } from "./nearest.ts";
import type { Report } from "./report.ts";
import type { Path } from "./schema.ts";
import type { Named, WrittenHost } from "./written.ts";

/** The hosts that may be referred to. */
export interface KnownHosts {
  readonly hosts: ReadonlyMap<HostName, HostSpec>;
  /** A host of this name is written, but something about it was refused; that is reported already. */
  readonly isRefused: (name: string) => boolean;
  /** What a reference may name, for hints. */
  readonly anyOf: (role?: HostSpec["role"]) => string;
  /** The host that `name` refers to, or the only one of the role where nothing is written. */
  readonly withRole: (role: HostSpec["role"], name: string | undefined, path: Path) => HostSpec | undefined;
}

/** `home` is where `~` leads to. Where nothing could be read of the hosts, every reference passes for refused. */
export function resolveHosts(
  written: Named<WrittenHost> | undefined,
  home: string,
  report: Report,
): KnownHosts {
  const hosts = new Map<HostName, HostSpec>();
  for (const [key, host] of Object.entries(written ?? {})) {
    const name = parseHostName(key);
    const connection = host && connectionOf(host, home);
    if (name === undefined || host?.role === undefined || connection === undefined) continue;
    const restrict = resolveRestrict(key, host, home, report);
    hosts.set(name, {
      name,
      role: host.role,
      connection,
      become: host.become ?? "sudo",
      ...(restrict && { restrict }),
    });
  }
  const isRefused = (name: string) =>
    written === undefined || (Object.hasOwn(written, name) && !hosts.has(name as HostName));
  const ofRole = (role?: HostSpec["role"]) =>
    [...hosts.values()].filter((host) => role === undefined || host.role === role);
  const anyOf = (role?: HostSpec["role"]) => {
    const names = ofRole(role).map((host) => host.name);
    return names.length === 0
      ? `a host with role: ${role ?? "server"} under \`hosts\``
      : `one of ${names.join(", ")}`;
  };

  const withRole: KnownHosts["withRole"] = (role, name, path) => {
    if (name !== undefined) return named(role, name, path);
    if (written === undefined || Object.keys(written).some(isRefused)) return undefined;
    const [only, second] = ofRole(role);
    if (only === undefined) return report(path, `there is no host with role: ${role}`, anyOf(role));
    if (second === undefined) return only;
    return report(
      path,
      `\`${path.join(".")}\` is left out, but more than one host is a ${role}`,
      anyOf(role),
    );
  };
  const named: KnownHosts["withRole"] = (role, name = "", path) => {
    const host = hosts.get(name as HostName);
    if (host?.role === role || isRefused(name)) return host;
    if (host !== undefined) {
      return report(path, `\`${path.join(".")}\` names ${name}, which is a ${host.role}`, anyOf(role));
    }
    const meant = nearest(name, Object.keys(written ?? {}));
    const hint = meant === undefined ? anyOf(role) : `${meant}, if that was meant; ${anyOf(role)}`;
    return report(path, `there is no host \`${name}\``, hint);
  };
  return { hosts, isRefused, anyOf, withRole };
}

/** What a restricted login needs said, it is not made without. */
function resolveRestrict(
  key: string,
  { restrict, role, user, become, public_key: line, admin }: WrittenHost,
  home: string,
  report: Report,
): RestrictSpec | undefined {
  if (restrict === undefined || restrict === false) return undefined;
  const wrong =
    role !== "server"
      ? ["only a server's login can be restricted", "leave it out here"]
      : become === "none"
        ? ["a restricted login becomes root, through the one command that it may run", "become: sudo"]
        : user === undefined
          ? ["the restricted login is not named", "user: devbackup, a login that is for this alone"]
          : line === undefined
            ? [
                "the key of the restricted login is not named",
                "public_key: the line in the .pub beside its identity_file",
              ]
            : admin?.user === user
              ? [
                  "the login that is restricted cannot be the one that sets it up",
                  "admin: another login, with sudo",
                ]
              : undefined;
  if (wrong !== undefined) return report(["hosts", key, "restrict"], wrong[0] ?? "", wrong[1] ?? "");
  return {
    level: restrict === true ? "full" : "add-only",
    login: user ?? "",
    publicKey: (line ?? "").split(" ").slice(0, 2).join(" "),
    admin:
      admin?.user === undefined
        ? null
        : { user: admin.user, identityFile: admin.identity_file && expandHome(admin.identity_file, home) },
  };
}

/** `~/` at the beginning is the home directory of whoever runs devbackup. */
export const expandHome = (path: string, home: string): string =>
  path.startsWith("~/") ? `${home}${path.slice(1)}` : path;

function connectionOf(host: WrittenHost, home: string): ConnectionSpec | undefined {
  if (host.connection === "local") return { kind: "local" };
  if (host.connection === undefined || host.address === undefined) return undefined;
  return {
    kind: "ssh",
    address: host.address,
    port: host.port,
    user: host.user,
    identityFile: host.identity_file && expandHome(host.identity_file, home),
    knownHosts: host.known_hosts && expandHome(host.known_hosts, home),
  };
}
