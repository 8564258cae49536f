import type { Cadence } from "../domain/label.ts";
import type { AbsolutePath, AgeRecipient, DatasetName, HostName, Signer } from "../domain/names.ts";
import type { Period } from "../domain/period.ts";
import type { KeepRule } from "../domain/retention.ts";

/** What the user has declared, validated, with defaults filled in and references resolved. */
export interface DesiredState {
  readonly hosts: ReadonlyMap<HostName, HostSpec>;
  /** In the order of the file. */
  readonly datasets: readonly DatasetSpec[];
  readonly cloud: CloudSpec | null;
  readonly recoveryRecipients: readonly AgeRecipient[];
  /** Whose signature a dataset's manifest must have, where that is declared. */
  readonly signers: ReadonlyMap<DatasetName, Signer>;
  readonly schedule: ScheduleSpec | null;
  /** Whether the scripts of the older suite are to stand on the hosts. */
  readonly scripts: boolean;
  readonly verify: VerifySpec | null;
  readonly drill: DrillSpec | null;
  readonly notify: readonly NotifySpec[];
  /** Of which this is only some datasets; left out where it is all. */
  readonly partOf?: DesiredState;
}

export interface HostSpec {
  readonly name: HostName;
  readonly role: "workstation" | "server";
  readonly connection: ConnectionSpec;
  /** `sudo` means: through `sudo -n` unless the login is root already. */
  readonly become: "none" | "sudo";
  /** Left out where the login may do whatever it likes. */
  readonly restrict?: RestrictSpec;
}

/** What the login of a server is kept to. */
export interface RestrictSpec {
  /** `full`: what a backup and a restore take; `add-only`: what takes away nothing, and gives nothing out. */
  readonly level: "full" | "add-only";
  readonly login: string;
  /** Of OpenSSH, type and base64. */
  readonly publicKey: string;
  /** Who sets it up, and does what it may not; null where that is done from elsewhere. */
  readonly admin: { readonly user: string; readonly identityFile: string | undefined } | null;
}

export type ConnectionSpec =
  | { readonly kind: "local" }
  | {
      readonly kind: "ssh";
      /** A host name, an address, or an alias of the OpenSSH client configuration. */
      readonly address: string;
      /** Each undefined one is asked of `ssh -G`. `~` is expanded already. */
      readonly port: number | undefined;
      readonly user: string | undefined;
      readonly identityFile: string | undefined;
      readonly knownHosts: string | undefined;
    };

export interface DatasetSpec {
  readonly name: DatasetName;
  /** On the workstation: the Btrfs subvolume that is backed up. */
  readonly path: AbsolutePath;
  /** On the workstation: holds the read-only snapshots `NAME@LABEL`. */
  readonly snapshots: AbsolutePath;
  readonly owner: string;
  /** On the server. */
  readonly repository: AbsolutePath;
  /** On the server; null for none. */
  readonly workingCopy: AbsolutePath | null;
  readonly workstation: HostName;
  readonly server: HostName;
  readonly cadence: Cadence;
  /** IANA name. */
  readonly timezone: string;
  /** zstd, 1 to 19. */
  readonly compressionLevel: number;
  readonly nestedSubvolumes: "refuse" | "ignore";
  readonly anchor: { readonly maxAgeMonths: number; readonly maxIncrementalRatio: number };
  readonly retention: RetentionSpec;
  /** How old the newest backup may be. */
  readonly overdueAfter: Period;
  readonly hooks: HooksSpec;
}

/** A program and its arguments, run without a shell. */
export type Argv = readonly [string, ...string[]];

/** What is run around a backup; null for nothing. */
export interface HooksSpec {
  /** On the workstation. Where it fails, no snapshot is taken. */
  readonly beforeSnapshot: Argv | null;
  /** On the workstation, whether the snapshot was taken or not. */
  readonly afterSnapshot: Argv | null;
  /** On the server, at the end of an apply that has changed something. */
  readonly afterApply: Argv | null;
  /** Of each. */
  readonly timeoutMs: number;
}

export interface RetentionSpec {
  readonly workstationSnapshots: KeepRule;
  readonly serverSnapshots: KeepRule;
  readonly serverArtifacts: KeepRule;
  readonly cloudArtifacts: KeepRule;
  /** Whether what the rules let go is deleted without being approved each time. */
  readonly auto: boolean;
}

export interface CloudSpec {
  /** Made from `account_id` and `jurisdiction` where no endpoint is given. No trailing slash. */
  readonly endpoint: string;
  readonly bucket: string;
  /** "" or a path that ends with a slash. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: SecretRef;
  readonly secretAccessKey: SecretRef;
  readonly partSizeBytes: number;
  /** Parts under way at once. */
  readonly concurrency: number;
  readonly bandwidthLimitBytesPerSecond: number | null;
  /** For how long the bucket is to keep artifacts from being replaced or deleted; null for nothing declared. */
  readonly lockDays: number | null;
}

/** Where a secret is read from; the secret itself never stands in the desired state. */
export type SecretRef =
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "command"; readonly argv: readonly string[] };

/** When `devbackup apply` runs by itself. */
export interface ScheduleSpec {
  readonly on: HostName;
  /** An OnCalendar expression of systemd. */
  readonly calendar: string;
  /** How `on` reaches the other hosts, where that is not how they are reached from here. */
  readonly reach: ReadonlyMap<HostName, ReachSpec>;
}

export interface ReachSpec {
  readonly address: string;
  readonly port: number;
  readonly user: string;
}

export interface VerifySpec {
  /** Of all bytes, over 0 to 1: checked once after each new label. */
  readonly share: number;
}

export interface DrillSpec {
  /** A drill is due when the last good one is this old. */
  readonly every: Period;
}

export const OCCASIONS = ["start", "success", "warning", "failure"] as const;
export type Occasion = (typeof OCCASIONS)[number];

/** One way of telling people what an apply came to, and when it is taken. */
export interface NotifySpec {
  readonly on: readonly Occasion[];
  readonly way: NotifyWay;
}

export type NotifyWay =
  | { readonly kind: "command"; readonly argv: Argv }
  /** A URL without login and query, or where one is read from. */
  | { readonly kind: "ntfy" | "healthchecks"; readonly url: string | SecretRef }
  | { readonly kind: "slack"; readonly url: SecretRef }
  | { readonly kind: "email"; readonly to: string }
  /** Written at the end of every run. */
  | { readonly kind: "prometheus"; readonly file: AbsolutePath };
