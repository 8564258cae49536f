import { DevbackupError } from "../domain/trouble.ts";
import type { CloudAnswer, HostAnswer, Person, StarterAnswers } from "./answers.ts";
import { type EarlierConfig, earlierConfig, type ImportNote } from "./earlier-keys.ts";
import { parseEndpoint } from "./endpoint.ts";
import { starterState } from "./init.ts";
import type { StateProblem } from "./problem.ts";
import type { TomlSource } from "./read-toml.ts";
import { wrongFor } from "./schema.ts";

/** What the file does not say, or says otherwise; what is undefined was not typed. */
export interface ImportAnswers {
  readonly workstation?: HostAnswer | undefined;
  /** Instead of `remote.ls_host`. */
  readonly server?: HostAnswer | undefined;
  readonly owner?: string | undefined;
  readonly accessKeyId?: CloudAnswer["accessKeyId"] | undefined;
  readonly secretAccessKey?: CloudAnswer["secretAccessKey"] | undefined;
}

export type Imported =
  | {
      readonly kind: "imported";
      /** A desired state, valid by the loader of this room. */
      readonly text: string;
      readonly answers: StarterAnswers;
      readonly notes: readonly ImportNote[];
    }
  | { readonly kind: "refused"; readonly problems: readonly StateProblem[] };

/** The earlier program had one dataset, which it called so. */
const DATASET = "dev";
/** An R2 account's endpoint without a jurisdiction (Cloudflare, R2 reference, data location). */
const R2 = /^https:\/\/([0-9a-f]{32})\.r2\.cloudflarestorage\.com$/;

/**
 * A desired state that keeps what the earlier program's TOML says, and that program's defaults where it says nothing. No
 * value of a secret gets into it, into a note or into a problem.
 * @throws DevbackupError where the values contradict each other: a repository inside what is backed up
 */
export function importConfig(source: TomlSource, asked: ImportAnswers, person: Person): Imported {
  const config = earlierConfig(source);
  const workstation = asked.workstation ?? { kind: "local" };
  const server = asked.server ?? serverOf(config);
  const oneMachine = workstation.kind === "local" && server.kind === "local";
  const answers: StarterAnswers = {
    workstation,
    server,
    dataset: datasetOf(config, oneMachine, asked.owner, person),
    cloud: config.has("cloud") ? cloudOf(config, asked) : null,
  };
  if (oneMachine && asked.server === undefined)
    config.note(
      "remote.ls_host",
      "workstation and server are both taken to be this machine. Where they are two: --server ADDRESS, or --workstation ADDRESS",
    );
  noteKeys(config, answers);
  const problems = config.problems();
  if (problems.length > 0) return { kind: "refused", problems };
  return { kind: "imported", text: stateOf(answers, source.file), answers, notes: config.notes() };
}

function datasetOf(
  config: EarlierConfig,
  oneMachine: boolean,
  owner: string | undefined,
  { user }: Person,
): StarterAnswers["dataset"] {
  const path = config.path("paths.dataset");
  return {
    name: DATASET,
    path,
    snapshots: config.path("paths.snapshots"),
    owner: owner ?? /^\/home\/([^/]+)\//.exec(path)?.[1] ?? user,
    repository: config.path("paths.ls_root"),
    // `restore apply` put a label at the same path on the server
    workingCopy: oneMachine ? null : path,
  };
}

/** Left out, it was the machine itself; the login was whoever ran it. */
function serverOf(config: EarlierConfig): HostAnswer {
  const address = config.text("remote.ls_host") ?? "localhost";
  const user = config.text("remote.ls_user");
  if (address === "localhost" || address === "127.0.0.1") return { kind: "local" };
  const wrong = address === "" ? undefined : wrongFor("address", address);
  if (wrong !== undefined) config.refuse("remote.ls_host", "remote.ls_host is no address", wrong.right);
  const noUser = user === undefined || user === "" ? undefined : wrongFor("userName", user);
  if (noUser !== undefined) config.refuse("remote.ls_user", "remote.ls_user is no login", noUser.right);
  return { kind: "ssh", address, user };
}

function cloudOf(config: EarlierConfig, asked: ImportAnswers): CloudAnswer {
  const bucket = config.needed("cloud.bucket");
  const wrong = bucket === "" ? undefined : wrongFor("bucket", bucket);
  if (wrong !== undefined) config.refuse("cloud.bucket", "cloud.bucket is no name of a bucket", wrong.right);
  const written = config.needed("cloud.endpoint");
  const parsed = parseEndpoint(written);
  if (written !== "" && parsed.kind === "refused")
    config.refuse("cloud.endpoint", `cloud.endpoint ${parsed.wrong}`, parsed.right);
  const endpoint = parsed.kind === "endpoint" ? parsed.url : "";
  const accountId = R2.exec(endpoint)?.[1];
  const prefix = /\.r2\.cloudflarestorage\.com$/.test(endpoint) ? "R2" : "S3";
  return {
    store:
      accountId === undefined ? { kind: "endpoint", endpoint, region: "auto" } : { kind: "r2", accountId },
    bucket,
    accessKeyId: asked.accessKeyId ?? { env: `${prefix}_ACCESS_KEY_ID` },
    secretAccessKey: asked.secretAccessKey ?? { env: `${prefix}_SECRET_ACCESS_KEY` },
  };
}

/** Keys whose values have no place in a desired state. */
function noteKeys(config: EarlierConfig, { dataset, cloud }: StarterAnswers): void {
  const keyFile = `${dataset.repository}/keys/ls_${DATASET}_backup.key`;
  if (cloud !== null)
    for (const [key, place] of [
      ["cloud.access_key", cloud.accessKeyId],
      ["cloud.secret_key", cloud.secretAccessKey],
    ] as const)
      if (config.has(key))
        config.note(
          key,
          `${key} stands here in the clear, and was not copied: put it into ${"env" in place ? `$${place.env}` : place.file}, and take it out of this file`,
        );
  if (config.text("crypto.age_public_key") !== undefined)
    config.note(
      "crypto.age_public_key",
      "nothing takes the place of crypto.age_public_key: artifacts are encrypted to the server's own key, whose public half stands beside it",
    );
  const identity = config.text("crypto.age_private_key_path");
  if (identity !== undefined && identity !== keyFile)
    config.note(
      "crypto.age_private_key_path",
      `crypto.age_private_key_path: the server's key is looked for in ${keyFile}. Copy it there, root's and with mode 0400, before the first apply. Without it a new one would be made, which opens none of the artifacts so far`,
    );
}

function stateOf(answers: StarterAnswers, file: string): string {
  try {
    return starterState(answers, {
      writtenBy: `\`devbackup import-config ${file}\``,
      // nothing was ever let go
      retention: "all",
    });
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
    throw new DevbackupError(
      {
        ...error.trouble,
        code: "import-not-valid",
        what: `what ${file} says makes no valid desired state`,
        next: "change it there, or write one with: devbackup init",
      },
      { cause: error },
    );
  }
}
