import path from "node:path";
import {
  type AbsolutePath,
  type AgeRecipient,
  parseAbsolutePath,
  parseDatasetName,
} from "../domain/names.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { parseEndpoint } from "./endpoint.ts";
import { wrongFor } from "./schema.ts";

/** The flags of `devbackup init`, as they were typed; what is undefined was not. */
export interface InitFlags {
  /** An address, or `local`. */
  readonly workstation?: string | undefined;
  /** An address, or `local`. */
  readonly server?: string | undefined;
  /** The login on the workstation. */
  readonly user?: string | undefined;
  readonly serverUser?: string | undefined;
  readonly dataset?: string | undefined;
  readonly path?: string | undefined;
  readonly snapshots?: string | undefined;
  readonly owner?: string | undefined;
  readonly repository?: string | undefined;
  /** A path, or `none`. */
  readonly workingCopy?: string | undefined;
  readonly accountId?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly bucket?: string | undefined;
  readonly region?: string | undefined;
  readonly accessKeyIdEnv?: string | undefined;
  readonly accessKeyIdFile?: string | undefined;
  readonly secretAccessKeyEnv?: string | undefined;
  readonly secretAccessKeyFile?: string | undefined;
}

/** Whoever runs devbackup. */
export interface Person {
  readonly home: string;
  readonly user: string;
}

/** What a starter desired state is made from. */
export interface StarterAnswers {
  readonly workstation: HostAnswer;
  readonly server: HostAnswer;
  readonly dataset: {
    readonly name: string;
    readonly path: string;
    readonly snapshots: string;
    readonly owner: string;
    readonly repository: string;
    readonly workingCopy: string | null;
  };
  readonly cloud: CloudAnswer | null;
  /** Of a recovery identity that was made on the way. */
  readonly recovery?: AgeRecipient;
}

export type HostAnswer =
  | { readonly kind: "local" }
  | { readonly kind: "ssh"; readonly address: string; readonly user: string | undefined };

/** Where a secret is read from: a variable's name, or a path. */
export type KeyPlace = { readonly env: string } | { readonly file: string };

export interface CloudAnswer {
  readonly store:
    | { readonly kind: "r2"; readonly accountId: string }
    | { readonly kind: "endpoint"; readonly endpoint: string; readonly region: string };
  readonly bucket: string;
  readonly accessKeyId: KeyPlace;
  readonly secretAccessKey: KeyPlace;
}

/** True, or what would be right; the form in which a prompt wants it. */
export type Verdict = true | string;

/** Whether a value passes, for each flag; the same for flags and for answers that are typed. */
export const CHECKS: { readonly [Flag in keyof InitFlags]-?: (text: string) => Verdict } = {
  workstation: (text) => text === "local" || verdict("address", text),
  server: (text) => text === "local" || verdict("address", text),
  user: (text) => verdict("userName", text),
  serverUser: (text) => verdict("userName", text),
  dataset: (text) => parseDatasetName(text) !== undefined || verdict("name", text),
  path: isPathOrHome,
  snapshots: isPathOrHome,
  owner: (text) => verdict("userName", text),
  repository: isPath,
  workingCopy: (text) => text === "none" || isPathOrHome(text),
  accountId: (text) => verdict("accountId", text),
  endpoint: (text) => {
    const parsed = parseEndpoint(text);
    return parsed.kind === "endpoint" || parsed.right;
  },
  bucket: (text) => verdict("bucket", text),
  region: (text) => verdict("region", text),
  accessKeyIdEnv: (text) => verdict("envName", text),
  accessKeyIdFile: (text) => verdict("homePath", text),
  secretAccessKeyEnv: (text) => verdict("envName", text),
  secretAccessKeyFile: (text) => verdict("homePath", text),
};

/**
 * The answers that flags give, with defaults for the rest. Throws one {@link DevbackupError} that names every flag
 * that is missing or does not pass; the server has no default.
 */
export function answersFromFlags(flags: InitFlags, person: Person): StarterAnswers {
  const faults = faultsOf(flags);
  if (faults.length > 0) {
    throw new DevbackupError({
      code: "init-flags",
      exitCode: 1,
      what: "the starter cannot be written from these flags",
      why: faults.join("; "),
      state: "nothing was written",
      next: "devbackup init --server ADDRESS|local, or devbackup init on a terminal",
    });
  }
  const workstation = hostAnswer(flags.workstation ?? "local", flags.user);
  const server = hostAnswer(flags.server ?? "local", flags.serverUser);
  return { workstation, server, dataset: datasetAnswer(flags, person), cloud: cloudAnswer(flags) };
}

/** What a dataset's flags are where they are left out; a prompt shows them. */
export function datasetDefaults(flags: InitFlags, { home, user }: Person) {
  const name = flags.dataset ?? "dev";
  const owner = flags.owner ?? flags.user ?? user;
  // someone else's home is not ours to guess from
  const base = owner === user ? home : `/home/${owner}`;
  const expanded = (text: string | undefined): string | undefined => text?.replace(HOME, base);
  const repository = flags.repository ?? `/srv/btrfs-backups/${name}`;
  const bothLocal = (flags.workstation ?? "local") === "local" && flags.server === "local";
  return {
    name,
    path: expanded(flags.path) ?? `${base}/code`,
    owner,
    snapshots: expanded(flags.snapshots) ?? `${base}/snapshots`,
    repository,
    workingCopy: expanded(flags.workingCopy) ?? (bothLocal ? "none" : besideRepository(repository, name)),
  };
}

/** In front of a path: the home of the dataset's owner, on whichever machine. */
const HOME = /^~(?=\/)/;

function isPathOrHome(text: string): Verdict {
  return isPath(text.replace(HOME, "/home"));
}

/** `/srv/work/dev` for `/srv/btrfs-backups/dev`: the server's Btrfs may be there alone. */
const besideRepository = (repository: string, name: string): string => {
  const parent = path.dirname(repository);
  const disk = path.dirname(parent);
  return path.join(disk === "/" ? parent : disk, "work", name);
};

function datasetAnswer(flags: InitFlags, person: Person): StarterAnswers["dataset"] {
  const dataset = datasetDefaults(flags, person);
  return { ...dataset, workingCopy: dataset.workingCopy === "none" ? null : dataset.workingCopy };
}

function cloudAnswer(flags: InitFlags): CloudAnswer | null {
  const { accountId, endpoint, bucket } = flags;
  if (bucket === undefined) return null;
  const names = endpoint === undefined ? "R2" : "S3";
  return {
    store:
      endpoint === undefined
        ? { kind: "r2", accountId: accountId ?? "" }
        : { kind: "endpoint", endpoint, region: flags.region ?? "auto" },
    bucket,
    accessKeyId: keyPlace(flags, "accessKeyId") ?? { env: `${names}_ACCESS_KEY_ID` },
    secretAccessKey: keyPlace(flags, "secretAccessKey") ?? { env: `${names}_SECRET_ACCESS_KEY` },
  };
}

/** What each flag that does not pass wants. */
export const wrongFlags = (flags: InitFlags): string[] =>
  (Object.keys(CHECKS) as (keyof InitFlags)[]).flatMap((name) => {
    const value = flags[name];
    const passes = value === undefined || CHECKS[name](value);
    // the value is not repeated: it may be a secret put where its variable's name belongs
    return passes === true ? [] : [`${asTyped(name)} wants ${passes}`];
  });

function faultsOf(flags: InitFlags): readonly string[] {
  const faults = wrongFlags(flags);
  if (flags.server === undefined) faults.push("--server is missing: where the backups go");
  const store = [flags.accountId, flags.endpoint].filter((value) => value !== undefined).length;
  if (store === 2) faults.push("--account-id and --endpoint name two stores");
  if (store > 0 && flags.bucket === undefined) faults.push("--bucket is missing");
  if (store === 0 && flags.bucket !== undefined)
    faults.push("--account-id (for R2) or --endpoint is missing");
  if (store === 0 && flags.bucket === undefined && hasCloudDetail(flags)) {
    faults.push("--bucket and --account-id (for R2) or --endpoint are missing");
  }
  return faults;
}

const hasCloudDetail = (flags: InitFlags): boolean =>
  [flags.region, keyPlace(flags, "accessKeyId"), keyPlace(flags, "secretAccessKey")].some(
    (value) => value !== undefined,
  );

/** Where half a bucket's access key is read from, as far as it was said; of two places, the file. */
export function keyPlace(flags: InitFlags, half: "accessKeyId" | "secretAccessKey"): KeyPlace | undefined {
  const [env, file] = [flags[`${half}Env`], flags[`${half}File`]];
  return file !== undefined ? { file } : env !== undefined ? { env } : undefined;
}

/** Of an address, or `local`, and the login there. */
export const hostAnswer = (address: string, user: string | undefined): HostAnswer =>
  address === "local" ? { kind: "local" } : { kind: "ssh", address, user };

const asTyped = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

const verdict = (definition: Parameters<typeof wrongFor>[0], text: string): Verdict =>
  wrongFor(definition, text)?.right ?? true;

function isPath(text: string): Verdict {
  const parsed: AbsolutePath | undefined = parseAbsolutePath(text);
  return parsed !== undefined || verdict("absolutePath", text);
}
