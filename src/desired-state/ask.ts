import {
  answersFromFlags,
  CHECKS,
  datasetDefaults,
  type InitFlags,
  type Person,
  type StarterAnswers,
} from "./answers.ts";

/**
 * Asks on the terminal for what a starter desired state needs; `given` are the flags, which become the defaults.
 * Each answer is checked as it is typed. Throws what the prompts throw when the person ends them (Ctrl-C).
 */
export async function askForAnswers(given: InitFlags, person: Person): Promise<StarterAnswers> {
  const workstation = await askHost(
    "Where is the code that is to be backed up?",
    "workstation",
    given.workstation ?? "local",
    given.user,
  );
  const server = await askHost("Where are the backups kept?", "server", given.server, given.serverUser);
  const flags: InitFlags = {
    workstation: workstation.address,
    user: workstation.user,
    server: server.address,
    serverUser: server.user,
    ...(await askDataset(
      { ...given, workstation: workstation.address, user: workstation.user, server: server.address },
      person,
    )),
    ...(await askCloud(given)),
  };
  return answersFromFlags(flags, person);
}

async function askHost(
  message: string,
  what: "workstation" | "server",
  given: string | undefined,
  user: string | undefined,
): Promise<{ readonly address: string; readonly user: string | undefined }> {
  const { select } = await import("@inquirer/prompts");
  const connection = await select({
    message,
    choices: [
      { name: "on this machine", value: "local" },
      { name: "on another machine, over SSH", value: "ssh" },
    ],
    default: given === "local" ? "local" : "ssh",
  });
  if (connection === "local") return { address: "local", user: undefined };
  const address = await ask(
    `Address of the ${what} (host name, IP or SSH alias):`,
    what,
    given === "local" ? undefined : given,
  );
  const login = await ask(
    "Login there (empty: as ssh would log in):",
    what === "server" ? "serverUser" : "user",
    user,
    { optional: true },
  );
  return { address, user: login === "" ? undefined : login };
}

async function askDataset(given: InitFlags, person: Person): Promise<InitFlags> {
  const dataset = await ask("Name of the dataset:", "dataset", given.dataset ?? "dev");
  let flags: InitFlags = { ...given, dataset };
  // each answer moves the defaults of the next
  const next = async (
    message: string,
    flag: "owner" | "path" | "snapshots" | "repository" | "workingCopy",
  ) => {
    flags = { ...flags, [flag]: await ask(message, flag, datasetDefaults(flags, person)[flag]) };
  };
  await next("Whose folder is it that is to be backed up (a user of the workstation)?", "owner");
  await next(
    "Folder to back up, on the workstation (~ is their home; it becomes a Btrfs subvolume):",
    "path",
  );
  await next("Folder for its read-only snapshots (on the same Btrfs, not inside it):", "snapshots");
  await next("Folder for the backups, on the server (on Btrfs):", "repository");
  await next("Folder on the server for a writable copy of the newest state (or: none):", "workingCopy");
  const { owner, path, snapshots, repository, workingCopy } = flags;
  return { dataset, owner, path, snapshots, repository, workingCopy };
}

async function askCloud(given: InitFlags): Promise<InitFlags> {
  const { select } = await import("@inquirer/prompts");
  const store = await select({
    message: "An encrypted off-site copy?",
    choices: [
      { name: "in Cloudflare R2", value: "r2" },
      { name: "in another S3-compatible store", value: "endpoint" },
      { name: "not yet", value: "none" },
    ],
    default: given.endpoint === undefined ? "r2" : "endpoint",
  });
  if (store === "none") return {};
  const where: InitFlags =
    store === "r2"
      ? { accountId: await ask("Cloudflare account ID:", "accountId", given.accountId) }
      : {
          endpoint: await ask("Endpoint (https://…):", "endpoint", given.endpoint),
          region: await ask("Region:", "region", given.region ?? "auto"),
        };
  const names = store === "r2" ? "R2" : "S3";
  return {
    ...where,
    bucket: await ask("Bucket:", "bucket", given.bucket ?? "dev-backups"),
    accessKeyIdEnv: await ask(
      "Environment variable that holds the access key ID:",
      "accessKeyIdEnv",
      given.accessKeyIdEnv ?? `${names}_ACCESS_KEY_ID`,
    ),
    ...(await askSecret(given, `${names}_SECRET_ACCESS_KEY`)),
  };
}

async function askSecret(given: InitFlags, name: string): Promise<InitFlags> {
  const { select } = await import("@inquirer/prompts");
  const form = await select({
    message: "Where will devbackup read the secret access key?",
    choices: [
      { name: "from an environment variable", value: "env" },
      { name: "from a file", value: "file" },
    ],
    default: given.secretAccessKeyFile === undefined ? "env" : "file",
  });
  return form === "env"
    ? { secretAccessKeyEnv: await ask("Its name:", "secretAccessKeyEnv", given.secretAccessKeyEnv ?? name) }
    : {
        secretAccessKeyFile: await ask(
          "Its path:",
          "secretAccessKeyFile",
          given.secretAccessKeyFile ?? "/etc/devbackup/r2-secret",
        ),
      };
}

async function ask(
  message: string,
  flag: keyof InitFlags,
  suggestion: string | undefined,
  { optional = false } = {},
): Promise<string> {
  const { input } = await import("@inquirer/prompts");
  const answer = await input({
    message,
    ...(suggestion === undefined ? {} : { default: suggestion }),
    validate: (text) => {
      if (optional && text.trim() === "") return true;
      const passes = CHECKS[flag](text.trim());
      return passes === true || `This wants ${passes}`;
    },
  });
  return answer.trim();
}
