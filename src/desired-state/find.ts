import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { DevbackupError } from "../domain/trouble.ts";
import { notOurs, type Reader, whoElseWrote } from "./ownership.ts";
import { problemOf, type StateProblem } from "./problem.ts";

/** Where to look for a desired state. */
export interface Lookup {
  /** `--config`: a file or a directory. */
  readonly config?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Of whoever runs this; default: this process's. */
  readonly uid?: number;
}

/** One file to read, and its name as people should see it. */
export interface FoundFile {
  readonly path: string;
  readonly file: string;
}

export type Found =
  | { readonly kind: "found"; readonly files: readonly FoundFile[] }
  | { readonly kind: "invalid"; readonly problems: readonly StateProblem[] };

const SYSTEM_WIDE = "/etc/devbackup/desired-state";

/**
 * The files of the desired state: those of `--config`, else of `$DEVBACKUP_CONFIG`, else of `./desired-state/`,
 * else of `/etc/devbackup/desired-state/`; of a directory every `*.yaml` and `*.yml`, by name, hidden ones left
 * out. Throws a {@link DevbackupError} where there is none at all, or where it was merely found and somebody else could
 * have written it: the folder that one happens to be in may be anybody's, and a secret's `command` is run.
 */
export function findFiles({ config, env, cwd, uid = process.geteuid?.() ?? 0 }: Lookup): Found {
  const named = config ?? (env.DEVBACKUP_CONFIG || undefined);
  // a variable that is not set names nothing, and not the folder that one happens to be in
  if (named === "") throw notFound(config, named);
  const places =
    named === undefined ? [path.join(cwd, "desired-state"), SYSTEM_WIDE] : [path.resolve(cwd, named)];
  for (const place of places) {
    const stats = statSync(place, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    const files = stats.isDirectory() ? filesIn(place, cwd) : found([place], cwd);
    if (named === undefined) refuseOthers(place, files, { uid, env });
    return files;
  }
  throw notFound(config, named);
}

function refuseOthers(place: string, files: Found, reader: Reader): void {
  for (const path of [place, ...(files.kind === "found" ? files.files.map((file) => file.path) : [])]) {
    const why = whoElseWrote(path, reader);
    if (why !== undefined) throw notOurs(path, why, `read it, and if it is right: --config ${place}`);
  }
}

function filesIn(folder: string, cwd: string): Found {
  const problem = (wrong: string, right: string): Found => ({
    kind: "invalid",
    problems: [problemOf(displayed(folder, cwd), wrong, right)],
  });
  try {
    const names = readdirSync(folder).filter((name) => /^[^.].*\.ya?ml$/.test(name));
    if (names.length === 0)
      return problem("this directory holds no *.yaml", "devbackup.yaml, as `devbackup init` writes it");
    return found(
      names.sort().map((name) => path.join(folder, name)),
      cwd,
    );
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    return problem(`this directory cannot be read (${code})`, "read permission for whoever runs devbackup");
  }
}

const found = (paths: readonly string[], cwd: string): Found => ({
  kind: "found",
  files: paths.map((file) => ({ path: file, file: displayed(file, cwd) })),
});

/** Below the working directory by the shorter name. */
function displayed(file: string, cwd: string): string {
  const relative = path.relative(cwd, file);
  return relative === "" || relative.startsWith("..") ? file : relative;
}

function notFound(config: string | undefined, named: string | undefined): DevbackupError {
  if (named === undefined) {
    return new DevbackupError({
      code: "desired-state-not-found",
      exitCode: 1,
      what: "there is no desired state",
      why: `looked for ./desired-state/ and ${SYSTEM_WIDE}/`,
      state: "nothing was contacted",
      next: "devbackup init",
    });
  }
  return new DevbackupError({
    code: "desired-state-not-found",
    exitCode: 1,
    what: `there is no desired state at ${named || "an empty path"}`,
    why: `${config === undefined ? "$DEVBACKUP_CONFIG" : "--config"} names it`,
    state: "nothing was contacted",
    next: `devbackup init, or another path`,
  });
}
