import { randomBytes } from "node:crypto";
import { type InitFlags, keyPlace } from "../desired-state/answers.ts";
import type { CloudSpec, SecretRef } from "../desired-state/desired-state.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { readBucketKeys } from "../transport/bucket/bucket.ts";
import { type BucketTrial, type Right, tryBucket } from "../transport/bucket/trial.ts";
import type { Desk } from "./desk.ts";
import { ask, choose } from "./prompts.ts";

export interface AskedCloud {
  readonly flags: InitFlags;
  readonly tested: string | undefined;
  readonly open: string | undefined;
}

/**
 * Asks for the bucket, and tries it where its secrets are at hand, until it works or is left for later. `specOf` makes a
 * bucket of what was answered.
 */
export async function askCloud(
  given: InitFlags,
  specOf: (flags: InitFlags) => CloudSpec | null,
  desk: Desk,
): Promise<AskedCloud> {
  for (let before = given; ; ) {
    const flags = await askStore(before);
    const cloud = flags.bucket === undefined ? null : specOf(flags);
    if (cloud === null) return { flags, tested: undefined, open: undefined };
    const tried = await tryUntilLeft(cloud, desk);
    if (tried !== "other") return { flags, ...tried };
    before = { ...given, ...flags };
  }
}

async function askStore(given: InitFlags): Promise<InitFlags> {
  const store = await choose(
    "An encrypted off-site copy?",
    { r2: "in Cloudflare R2", endpoint: "in another S3-compatible store", none: "not yet" },
    given.endpoint === undefined ? "r2" : "endpoint",
  );
  if (store === "none") return {};
  const where: InitFlags =
    store === "r2"
      ? { accountId: await ask("Cloudflare account ID:", "accountId", given.accountId) }
      : {
          endpoint: await ask("Endpoint (https://…):", "endpoint", given.endpoint),
          region: await ask("Region:", "region", given.region ?? "auto"),
        };
  const names = store === "r2" ? "R2" : "S3";
  const bucket = await ask("Bucket, which has to exist:", "bucket", given.bucket ?? "dev-backups");
  const id = await askKey(given, "accessKeyId", names);
  return { ...where, bucket, ...id, ...(await askKey({ ...given, ...id }, "secretAccessKey", names)) };
}

/** What is asked of half an access key, and proposed; in the environment it has the name that it has everywhere. */
const HALVES = {
  accessKeyId: { called: "access key ID", name: "ACCESS_KEY_ID", file: "key" },
  secretAccessKey: { called: "secret access key", name: "SECRET_ACCESS_KEY", file: "secret" },
} as const;

/** The second half is proposed to be where the first is. */
async function askKey(given: InitFlags, half: keyof typeof HALVES, store: "R2" | "S3"): Promise<InitFlags> {
  const { called, name, file } = HALVES[half];
  const place = keyPlace(given, half) ?? keyPlace(given, "accessKeyId");
  const form = await choose(
    `Where will devbackup read the ${called}?`,
    { env: "from an environment variable", file: "from a file" },
    place !== undefined && "file" in place ? "file" : "env",
  );
  const [asEnv, asFile] = [`${half}Env`, `${half}File`] as const;
  if (form === "env")
    return {
      [asEnv]: await ask(`Variable with the ${called}:`, asEnv, given[asEnv] ?? `${store}_${name}`),
      [asFile]: undefined,
    };
  const proposed = given[asFile] ?? `/etc/devbackup/${store.toLowerCase()}-${file}`;
  return { [asFile]: await ask(`File with the ${called}:`, asFile, proposed), [asEnv]: undefined };
}

async function tryUntilLeft(
  cloud: CloudSpec,
  desk: Desk,
): Promise<"other" | Pick<AskedCloud, "tested" | "open">> {
  const called = `bucket ${cloud.bucket}`;
  for (;;) {
    const trial = await tryOut(cloud, desk.secrets);
    if (trial.kind === "works") {
      desk.say("good", `${called}: a small object was written, read, listed and deleted`);
      return { tested: called, open: undefined };
    }
    if (trial.kind === "no-secret") {
      const open = `${called} is not tried yet: ${trial.why}`;
      desk.say("mind", open);
      return { tested: undefined, open };
    }
    const { what, next } = inWords(called, trial);
    desk.say("bad", what);
    desk.say("plain", next);
    const choice = await choose(
      "What now?",
      { again: "try again", other: "other answers", without: "go on without; devbackup plan will tell" },
      "again",
    );
    if (choice === "without") return { tested: undefined, open: what };
    if (choice === "other") return "other";
  }
}

type Tried = BucketTrial | { readonly kind: "no-secret"; readonly why: string };

async function tryOut(cloud: CloudSpec, secrets: NodeJS.ProcessEnv): Promise<Tried> {
  try {
    const missing = unset(cloud, secrets);
    if (missing.length > 0) return { kind: "no-secret", why: `${missing.join(" and ")} not set` };
    const { keys } = await readBucketKeys(cloud, secrets);
    return await tryBucket(cloud, keys, `${cloud.prefix}devbackup-init-${randomBytes(6).toString("hex")}`);
  } catch (error) {
    if (!(error instanceof DevbackupError) || !error.trouble.code.startsWith("secret-")) throw error;
    const { what, why } = error.trouble;
    return { kind: "no-secret", why: why === undefined ? what : `${what}: ${why}` };
  }
}

/** What a trial failed with, and what to do about it. */
export function inWords(
  called: string,
  trial: Exclude<BucketTrial, { kind: "works" }>,
): { readonly what: string; readonly next: string } {
  const left = trial.left === null ? "" : `; delete ${trial.left} there by hand`;
  if (trial.kind === "failed") {
    const { what, why, next = "" } = trial.error.trouble;
    return { what: why === undefined ? what : `${what}: ${why}`, next: next + left };
  }
  const rights = trial.rights.map((right) => MAY_NOT[right]).join(", ");
  return {
    what: `${called}: the token is known there, and may not ${rights}`,
    next: `It needs "Object Read & Write" for this bucket (R2 dashboard, Manage API tokens); a change takes up to a minute${left}`,
  };
}

const MAY_NOT: Readonly<Record<Right, string>> = {
  write: "write objects",
  list: "list them",
  read: "read them",
  delete: "delete them",
};

/** The environment variables of {@link CloudSpec} that are not set. */
export const unset = (cloud: CloudSpec, env: NodeJS.ProcessEnv): readonly string[] =>
  [cloud.accessKeyId, cloud.secretAccessKey]
    .filter((ref: SecretRef) => ref.kind === "env")
    .map(({ name }) => name)
    .filter((name) => (env[name] ?? "") === "");
