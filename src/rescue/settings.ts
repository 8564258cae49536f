import type { DatasetSpec, DesiredState, HostSpec } from "../desired-state/desired-state.ts";
import { LABEL_SHAPE, type Label } from "../domain/label.ts";
import type { Signer } from "../domain/names.ts";
import { command, quote } from "../transport/quote.ts";

/** What stands in {@link Settings.server} where the desired state does not tell how to reach the server. */
export const UNKNOWN_SERVER = "?";

/** What this machine knows of the manifest: whose signature it has, and how far it went. Null for what it does not. */
export interface SeenHere {
  readonly signer: Signer | null;
  readonly newest: Label | null;
}

/** What of the desired state the scripts need to know. Nothing in it is secret. */
export interface Settings {
  readonly spec: DatasetSpec;
  /** As ssh takes it, from the workstation; "" where workstation and server are one machine. */
  readonly server: string;
  readonly port: number | undefined;
  /** In front of a command that needs root on the server; "" for nothing. */
  readonly become: string;
  readonly cloud: DesiredState["cloud"];
  readonly recipients: DesiredState["recoveryRecipients"];
  readonly seen: SeenHere;
}

export function settingsFor(desired: DesiredState, spec: DatasetSpec, seen: SeenHere): Settings {
  const server = desired.hosts.get(spec.server);
  const workstation = desired.hosts.get(spec.workstation);
  if (server === undefined || workstation === undefined) throw new RangeError("a dataset without its hosts");
  return {
    spec,
    server: loginOf(server, workstation),
    port: server.connection.kind === "ssh" ? server.connection.port : undefined,
    become: server.become === "sudo" ? "sudo -n" : "",
    cloud: desired.cloud,
    recipients: desired.recoveryRecipients,
    seen,
  };
}

function loginOf({ connection }: HostSpec, workstation: HostSpec): string {
  if (connection.kind === "local") return workstation.connection.kind === "local" ? "" : UNKNOWN_SERVER;
  return connection.user === undefined ? connection.address : `${connection.user}@${connection.address}`;
}

/** `settings.sh`: the names, paths and addresses that the scripts read. */
export function settingsText(settings: Settings, now: Date): string {
  const { spec, server, port, become, cloud, recipients, seen } = settings;
  const ssh = port === undefined ? ["ssh"] : ["ssh", "-p", String(port)];
  return `# shellcheck shell=sh disable=SC2034
# The dataset ${spec.name} as it was declared on ${now.toISOString().slice(0, 10)}. Nothing in here is secret.
# Is something elsewhere now: a new server, another disk? Change it here, and nowhere else.

NAME=${quote(spec.name)}
LABEL_SHAPE=${quote(LABEL_SHAPE[spec.cadence])}

# on the server; no working copy where that is empty
REPOSITORY=${quote(spec.repository)}
WORKING_COPY=${quote(spec.workingCopy ?? "")}

# on the workstation
DATASET_PATH=${quote(spec.path)}
SNAPSHOTS=${quote(spec.snapshots)}
OWNER=${quote(spec.owner)}

# how the workstation reaches the server; SERVER is empty where they are one machine
SERVER=${quote(server)}
SSH=${quote(command(ssh))}
BECOME=${quote(become)}

# the bucket; no bucket where that is empty. PREFIX is percent-encoded and ends with a slash, or is empty
ENDPOINT=${quote(cloud?.endpoint ?? "")}
BUCKET=${quote(cloud?.bucket ?? "")}
PREFIX=${quote((cloud?.prefix ?? "").split("/").map(encodeURIComponent).join("/"))}
REGION=${quote(cloud?.region ?? "")}

# who can open the escrow
RECIPIENTS=${quote(recipients.join(" "))}

# who signs the manifest; where that is empty, 1-keys.sh shows who the escrow says it is, and asks
SIGNER=${quote(seen.signer ?? "")}

# a manifest that ends before this label is an old one; empty where that is not known
NEWEST_SEEN=${quote(seen.newest ?? "")}
`;
}
