import { CHECKS, datasetDefaults, type InitFlags, type Person } from "../desired-state/answers.ts";
import { type Claim, reportOverlaps } from "../desired-state/overlaps.ts";
import { type AbsolutePath, parseAbsolutePath } from "../domain/names.ts";
import { printable } from "../domain/printable.ts";
import type { Desk } from "./desk.ts";
import { lookAtPath, type PathFacts } from "./machine.ts";
import { ask } from "./prompts.ts";
import { mountOf, proposePath, proposeRepository, proposeSnapshots } from "./proposals.ts";
import type { Machine } from "./reach.ts";
import { judgeOnServer, judgePath, judgeSnapshots, type PathVerdict } from "./verdicts.ts";

export interface AskedFolders {
  readonly flags: Pick<InitFlags, "dataset" | "owner" | "path" | "snapshots" | "repository" | "workingCopy">;
  /** What was taken although it will not do. */
  readonly open: readonly string[];
}

/** Asks for the dataset's name and its four folders, each proposed from, and held against, what is there. */
export async function askFolders(
  given: InitFlags,
  person: Person,
  { workstation, server }: { readonly workstation: Machine; readonly server: Machine },
  desk: Desk,
): Promise<AskedFolders> {
  const open: string[] = [];
  const claims: Claim[] = [];
  const dataset = await ask("Name of the dataset:", "dataset", given.dataset ?? "dev");
  // `~` is the home of whoever is found there
  const whose = workstation.facts ?? person;
  const inHome = (text: string): string => text.replace(/^~(?=\/)/, whose.home);

  /** One folder: nothing that contradicts another is taken, what will not do only when it is entered once more. */
  const folder = async (
    what: Claim["what"],
    message: string,
    suggestion: string,
    judge: (at: string, facts: PathFacts) => PathVerdict,
  ): Promise<{ readonly path: string; readonly facts: PathFacts | undefined }> => {
    const machine = what === "path" || what === "snapshots" ? workstation : server;
    const flag = what === "working_copy" ? "workingCopy" : what;
    let seen: { text: string; facts: PathFacts | undefined; verdict: PathVerdict | undefined } | undefined;
    const look = async (text: string): Promise<true | string> => {
      if (flag === "workingCopy" && text === "none") {
        seen = undefined;
        return true;
      }
      const insisted = seen?.verdict?.kind === "wrong" && seen.text === text;
      const at = parseAbsolutePath(inHome(text));
      if (insisted || at === undefined) return true;
      const clash = overlap([...claims, claim(what, at, machine)], at);
      if (clash !== undefined) return clash;
      const facts = await quietly(machine, at);
      seen = { text, facts, verdict: facts && judge(at, facts) };
      return seen.verdict?.kind !== "wrong" || insist(seen.verdict);
    };
    const typed = await ask(message, flag, suggestion, { look });
    const path = inHome(typed);
    const verdict = seen?.verdict;
    if (verdict?.kind === "wrong") {
      open.push(verdict.wrong);
      desk.say("mind", `${verdict.wrong}; taken all the same`);
    } else if (verdict !== undefined) desk.say(verdict.kind, verdict.text);
    const at = parseAbsolutePath(path);
    if (at !== undefined) claims.push(claim(what, at, machine));
    return { path, facts: seen?.facts };
  };
  const claim = (what: Claim["what"], path: AbsolutePath, machine: Machine): Claim => ({
    dataset,
    what,
    path,
    host: machine.spec,
  });

  const here = workstation.facts ?? { btrfs: [] };
  const there = server.facts ?? { btrfs: [] };
  const source = await folder(
    "path",
    `Folder to back up, on ${workstation.called}:`,
    given.path ?? (workstation.facts ? proposePath(workstation.facts) : "~/code"),
    (at, facts) => judgePath(at, facts, here),
  );
  const owner =
    given.owner ??
    userOf(source.facts) ??
    (await ask("Whose is it to be (a user there)?", "owner", datasetDefaults(given, whose).owner));
  const snapshots = await folder(
    "snapshots",
    "Folder for its snapshots:",
    given.snapshots ?? proposeSnapshots(here, source.path),
    (at, facts) => judgeSnapshots(at, facts, source, here),
  );
  const repository = await folder(
    "repository",
    `Folder for the backups, on ${server.called}:`,
    given.repository ?? proposeRepository(there, dataset, mountOf(here.btrfs, source.path)),
    (at, facts) => judgeOnServer(at, facts, there, source.facts),
  );
  const workingCopy = await folder(
    "working_copy",
    "Folder there for a working copy (or: none):",
    datasetDefaults(
      {
        ...given,
        dataset,
        repository: repository.path,
        workstation: workstation.answer.kind,
        server: server.answer.kind,
      },
      whose,
    ).workingCopy,
    (at, facts) => judgeOnServer(at, facts, there, undefined),
  );
  return {
    flags: {
      dataset,
      owner,
      path: source.path,
      snapshots: snapshots.path,
      repository: repository.path,
      workingCopy: workingCopy.path,
    },
    open,
  };
}

const insist = ({ wrong, right }: Extract<PathVerdict, { kind: "wrong" }>): string =>
  // the prompt shows it as it is
  printable(`${wrong}. Right would be ${right}. Enter once more takes it all the same`);

/** Whose it is; undefined where that is nobody whom the machine knows. */
const userOf = (facts: PathFacts | undefined): string | undefined =>
  facts?.owner !== undefined && facts.owner !== "UNKNOWN" && CHECKS.owner(facts.owner) === true
    ? facts.owner
    : undefined;

/** Where the link has died meanwhile, `devbackup plan` tells. */
const quietly = ({ host }: Machine, at: AbsolutePath): Promise<PathFacts | undefined> =>
  host === undefined ? Promise.resolve(undefined) : lookAtPath(host, at).catch(() => undefined);

/** What the desired state would be refused for. */
function overlap(claims: readonly Claim[], at: AbsolutePath): string | undefined {
  const found: string[] = [];
  reportOverlaps(claims, (_path, wrong, right) => {
    found.push(`${wrong.replace(/^`[^`]*`/, at)}. This wants ${right}`);
    return undefined;
  });
  return found[0];
}
