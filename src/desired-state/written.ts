/**
 * The desired state as its files say it, after the check of its shape: what is here has the right type and
 * spelling. A key that is there with `undefined` was refused, and has been reported; a key that is not there was
 * not written.
 */
export interface Written {
  readonly hosts?: Named<WrittenHost> | undefined;
  readonly datasets?: Named<WrittenDataset> | undefined;
  readonly cloud?: WrittenCloud | undefined;
  readonly encryption?:
    | {
        readonly recovery_recipients?: readonly (string | undefined)[] | undefined;
        readonly signers?: Named<string> | undefined;
      }
    | undefined;
  readonly schedule?:
    | {
        readonly on?: string | undefined;
        readonly calendar?: string | undefined;
        readonly reach?: Named<WrittenReach> | undefined;
      }
    | undefined;
  readonly scripts?: boolean | undefined;
  readonly verify?: { readonly share?: string | undefined } | undefined;
  readonly drill?: { readonly every?: string | undefined } | undefined;
  readonly notify?: readonly (WrittenNotify | undefined)[] | undefined;
}

export interface WrittenReach {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

export interface WrittenNotify {
  readonly on?: readonly ("start" | "success" | "warning" | "failure" | undefined)[] | undefined;
  readonly command?: WrittenArgv | undefined;
  readonly ntfy?: string | WrittenSecret | undefined;
  readonly slack?: WrittenSecret | undefined;
  readonly healthchecks?: string | WrittenSecret | undefined;
  readonly email?: string | undefined;
  readonly prometheus?: string | undefined;
}

export type WrittenArgv = readonly (string | undefined)[];

export type Named<Value> = Readonly<Record<string, Value | undefined>>;

export interface WrittenHost {
  readonly role?: "workstation" | "server" | undefined;
  readonly connection?: "local" | "ssh" | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly identity_file?: string | undefined;
  readonly known_hosts?: string | undefined;
  readonly become?: "none" | "sudo" | undefined;
  readonly restrict?: boolean | "add-only" | undefined;
  readonly public_key?: string | undefined;
  readonly admin?:
    | { readonly user?: string | undefined; readonly identity_file?: string | undefined }
    | undefined;
}

export interface WrittenDataset {
  readonly path?: string | undefined;
  readonly snapshots?: string | undefined;
  readonly owner?: string | undefined;
  readonly repository?: string | undefined;
  readonly working_copy?: string | null | undefined;
  readonly workstation?: string | undefined;
  readonly server?: string | undefined;
  readonly cadence?: "monthly" | "weekly" | "daily" | undefined;
  readonly timezone?: string | undefined;
  readonly compression_level?: number | undefined;
  readonly nested_subvolumes?: "refuse" | "ignore" | undefined;
  readonly anchor?:
    | { readonly max_age_months?: number | undefined; readonly max_incremental_ratio?: number | undefined }
    | undefined;
  readonly retention?:
    | {
        readonly workstation_snapshots?: WrittenRule | undefined;
        readonly server_snapshots?: WrittenRule | undefined;
        readonly server_artifacts?: WrittenRule | undefined;
        readonly cloud_artifacts?: WrittenRule | undefined;
        readonly auto?: boolean | undefined;
      }
    | undefined;
  readonly overdue_after?: string | undefined;
  readonly hooks?:
    | {
        readonly before_snapshot?: WrittenArgv | null | undefined;
        readonly after_snapshot?: WrittenArgv | null | undefined;
        readonly after_apply?: WrittenArgv | null | undefined;
        readonly timeout?: string | undefined;
      }
    | undefined;
}

export type WrittenRule =
  | "all"
  | { readonly keep_last?: number | undefined; readonly keep_chains?: number | undefined };

export interface WrittenCloud {
  readonly account_id?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly jurisdiction?: "default" | "eu" | "fedramp" | undefined;
  readonly bucket?: string | undefined;
  readonly prefix?: string | undefined;
  readonly region?: string | undefined;
  readonly access_key_id?: WrittenSecret | undefined;
  readonly secret_access_key?: WrittenSecret | undefined;
  readonly part_size?: string | undefined;
  readonly concurrency?: number | undefined;
  readonly bandwidth_limit?: string | null | undefined;
  readonly lock_days?: number | null | undefined;
}

export interface WrittenSecret {
  readonly env?: string | undefined;
  readonly file?: string | undefined;
  readonly command?: WrittenArgv | undefined;
}
