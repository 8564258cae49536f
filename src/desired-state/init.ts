import { accessSync, constants, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { printable } from "../domain/printable.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { CloudAnswer, HostAnswer, StarterAnswers } from "./answers.ts";
import { checkDesiredState } from "./load.ts";

const FILE = "devbackup.yaml";

/**
 * The text of a commented desired state. What comes back is valid by the loader of this room; answers that
 * contradict each other (a repository inside what is backed up) throw a {@link DevbackupError}.
 */
export function starterState(
  answers: StarterAnswers,
  { writtenBy = "`devbackup init`", retention }: { writtenBy?: string; retention?: "all" } = {},
): string {
  const { dataset } = answers;
  const text = `# The desired state of devbackup, as ${printable(writtenBy)} wrote it.
# Change it as you like; then
#
#   devbackup validate    checks it, and contacts nothing
#   devbackup plan        shows what would be done, and changes nothing
#   devbackup apply       does it
#
# Every key there is, with its meaning and its default, stands in devbackup's own
# desired-state/devbackup.yaml, beside the docs/ that devbackup --help names. With
# the schema next to it, an editor completes and checks:
# # yaml-language-server: $schema=PATH/schema.json

version: 1

hosts:
  workstation:                        # what is backed up
    role: workstation
${connectionLines(answers.workstation)}
  server:                             # what keeps the backups
    role: server
${connectionLines(answers.server)}

datasets:
  ${scalar(dataset.name)}:
    # on the workstation
${line("path", dataset.path, "the Btrfs subvolume that is backed up")}
${line("snapshots", dataset.snapshots, "holds its read-only snapshots; same file system, outside it")}
${line("owner", dataset.owner, "of `path` where it has to be created, and of the working copy")}
    # on the server
${line("repository", dataset.repository, "artifacts, manifest, keys; on Btrfs")}
${line("working_copy", dataset.workingCopy, "the newest label, writable; null for none")}
    cadence: monthly                  # monthly | weekly | daily
${retention === "all" ? KEEP_ALL : ""}
${answers.cloud === null ? NO_CLOUD : cloudLines(answers.cloud)}

# Public keys (age1…, from \`devbackup keys new-recovery\`) whose owners can open
# the server's keys, which are kept in escrow for them, when the server is lost.
# Without one nobody else can open the backups, and every plan warns.
encryption:
  recovery_recipients:${answers.recovery === undefined ? " []" : `\n    - ${answers.recovery}`}

# For a systemd timer that runs \`devbackup apply\` on one of the hosts; see the manual, "Schedule":
# schedule:
#   on: server
#   calendar: "*-*-01 03:00:00"
${answers.workstation.kind === "local" && answers.server.kind !== "local" ? reachLines(dataset.owner) : ""}`;
  const checked = checkDesiredState(text, { file: FILE, home: "/root" });
  if (checked.kind === "valid") return text;
  throw new DevbackupError({
    code: "init-answers",
    exitCode: 1,
    what: "these answers make no valid desired state",
    why: checked.problems.map(({ wrong, right }) => `${wrong} (right: ${right})`).join("; "),
    state: "nothing was written",
    next: "devbackup init, with other answers",
  });
}

/** Throws where `writeStarter` would refuse DIR: nobody should answer the questions for nothing. */
export function refuseInVain(dir: string): void {
  let there = path.resolve(dir);
  while (!existsSync(there)) there = path.dirname(there);
  try {
    // read as a folder, so that a file in the way is told, too
    accessSync(`${there}/.`, constants.W_OK);
  } catch (error) {
    throw notWritten(path.join(dir, FILE), error);
  }
  refuseSecondState(dir);
}

/** Throws where there is a desired state in DIR already. */
export function refuseSecondState(dir: string): void {
  let names: readonly string[] = [];
  try {
    names = readdirSync(dir);
  } catch {
    // not there yet, or not readable: writing tells
  }
  const there = names.find((name) => /^[^.].*\.ya?ml$/.test(name));
  if (there !== undefined) throw alreadyThere(path.join(dir, there));
}

/**
 * Writes the starter as `DIR/devbackup.yaml`, mode 0644, and makes DIR where it is missing. Gives the path. Never
 * overwrites, nor puts a second file beside one: a desired state that is there is a {@link DevbackupError}.
 */
export function writeStarter(dir: string, text: string): string {
  const target = path.join(dir, FILE);
  try {
    mkdirSync(dir, { recursive: true });
    refuseSecondState(dir);
    writeFileSync(target, text, { flag: "wx", mode: 0o644 });
    return target;
  } catch (error) {
    if (error instanceof DevbackupError || !(error instanceof Error)) throw error;
    if ("code" in error && error.code === "EEXIST") throw alreadyThere(target);
    throw notWritten(target, error);
  }
}

const notWritten = (file: string, error: unknown): DevbackupError =>
  new DevbackupError(
    {
      code: "init-not-written",
      exitCode: 1,
      what: `${file} cannot be written`,
      why: error instanceof Error ? error.message : String(error),
      state: "nothing was written; safe to run again",
      next: "devbackup init DIR, with a directory that you may write",
    },
    { cause: error },
  );

const alreadyThere = (file: string): DevbackupError =>
  new DevbackupError({
    code: "init-already-there",
    exitCode: 1,
    what: `${file} is there already`,
    state: "it was not touched, and nothing was written",
    next: "devbackup init DIR, or in another folder; or use what is there: devbackup validate",
  });

/** Of a workstation that is this machine the server knows nothing. */
const reachLines = (owner: string): string => `#   reach:
#     workstation: {address: laptop.lan, user: ${scalar(owner)}}   # where the server finds it; a login with sudo without a password
`;

const KEEP_ALL = `    retention:                        # of each place; {keep_last: N} lets older ones go, when that is approved
      workstation_snapshots: all
      server_snapshots: all
      server_artifacts: all
      cloud_artifacts: all
`;

const NO_CLOUD = `# There is no off-site copy yet; as long as there is none, every plan warns. For Cloudflare R2:
# cloud:
#   account_id: 0123456789abcdef0123456789abcdef
#   bucket: dev-backups
#   access_key_id: {env: R2_ACCESS_KEY_ID}
#   secret_access_key: {file: /etc/devbackup/r2-secret}`;

function cloudLines({ store, bucket, accessKeyId, secretAccessKey }: CloudAnswer): string {
  const place =
    store.kind === "r2"
      ? `  account_id: ${scalar(store.accountId)}`
      : `  endpoint: ${scalar(store.endpoint)}\n  region: ${scalar(store.region)}`;
  return `# The off-site copy; all of it is encrypted before it leaves the server.
cloud:
${place}
  bucket: ${scalar(bucket)}
  # a secret never stands here: {env: NAME}, {file: PATH} or {command: [program, argument]}
  access_key_id: ${flow(accessKeyId)}
  secret_access_key: ${flow(secretAccessKey)}`;
}

function connectionLines(host: HostAnswer): string {
  if (host.kind === "local")
    return "    connection: local                 # the machine that devbackup runs on";
  const user = host.user === undefined ? [] : [`    user: ${scalar(host.user)}`];
  return ["    connection: ssh", `    address: ${scalar(host.address)}`, ...user].join("\n");
}

const line = (key: string, value: string | null, comment: string): string =>
  `${`    ${key}: ${scalar(value)}`.padEnd(37)} # ${comment}`;

const scalar = (value: string | null): string => stringify(value, { lineWidth: 0 }).trim();

const flow = (value: object): string =>
  stringify(value, { collectionStyle: "flow", flowCollectionPadding: false, lineWidth: 0 }).trim();
