import { readFile, writeFile } from "node:fs/promises";
import type { Typed } from "../apply/in-words.ts";
import type { DesiredState } from "../desired-state/desired-state.ts";
import type { WrittenFile } from "../desired-state/load.ts";
import { notOurs, whoElseWrote } from "../desired-state/ownership.ts";
import type { Label } from "../domain/label.ts";
import { AGAIN, DevbackupError, LOOK } from "../domain/trouble.ts";
import type { Plan } from "../plan/plan.ts";
import { parseSavedPlan, renderSavedPlan, type SavedPlan } from "../plan/saved.ts";
import type { Request } from "../reconcilers/request.ts";
import { sha256Of } from "../transport/hash.ts";
import { quote } from "../transport/quote.ts";
import { commandLine, exactly, isNarrowed, wholeCommand } from "./command-line.ts";
import { type RequestFlags, readRequest } from "./request.ts";
import type { CommonFlags } from "./terminal.ts";

/** What an apply is to do, from its flags or from the plan file that it was given. */
export interface WhatToDo extends Typed {
  readonly desired: DesiredState;
  readonly request: Request;
  readonly saved: Plan | null;
  /** More may be left than what was asked for. */
  readonly narrowed: boolean;
  /** What does the part that was asked for with all that it waits for; left out where that is what was typed. */
  readonly wholeCommand?: string;
  /** Of the desired state, as it was written; left out where a schedule is only looked at. */
  readonly texts?: readonly WrittenFile[];
}

/** @throws DevbackupError where the file is no plan, or not of this desired state, or a flag does not go with it */
export async function whatToDo(
  whole: DesiredState,
  planFile: string | undefined,
  flags: CommonFlags & RequestFlags,
): Promise<WhatToDo> {
  if (planFile === undefined)
    return {
      ...readRequest(whole, flags, new Date()),
      saved: null,
      ...toApply(flags),
      ...exactly(AGAIN, flags),
    };
  refuseNarrowing(planFile, flags);
  const why = whoElseWrote(planFile, { uid: process.geteuid?.() ?? 0, env: process.env });
  if (why !== undefined) throw notOurs(planFile, why, planAnew(`${planFile}.mine`, flags));
  const text = await readFile(planFile, "utf8").catch((error: Error) => {
    throw notAPlan(planFile, flags, error);
  });
  const saved = parseSavedPlan(text);
  if (saved === undefined) throw notAPlan(planFile, flags);
  const datasets = whole.datasets.filter(({ name }) => saved.plan.labels[name] !== undefined);
  const narrowed = datasets.length < whole.datasets.length;
  const desired = narrowed ? { ...whole, datasets, partOf: whole } : whole;
  const chosen = { ...flags, ...flagsOf(saved, narrowed) };
  if (digestOf(desired) !== saved.desiredSha256) throw anotherDesiredState(planFile, chosen);
  const { restore, labelled, selection } = saved;
  const labels = new Map(datasets.map(({ name }) => [name, saved.plan.labels[name] as Label]));
  const asked = restore === null ? null : readRequest(desired, restoreFlags(restore), new Date()).request;
  return {
    desired,
    request: {
      labels: restore === null ? labels : new Map(),
      labelled,
      restore: asked?.restore ?? null,
      // whatever else stands there was never asked for
      selection: { host: selection.host, stages: selection.stages },
    },
    saved: saved.plan,
    ...toApply(chosen),
    ...exactly(`${AGAIN} ${quote(planFile)}`, flags),
  };
}

/** Of a plan file too: that no longer fits once some of it has been done. */
const toApply = (chosen: CommonFlags & RequestFlags) => ({
  command: commandLine(AGAIN, chosen),
  planCommand: commandLine(LOOK, chosen),
  narrowed: isNarrowed(chosen),
  wholeCommand: wholeCommand(chosen),
});

/** `plan --out`. */
export const savePlan = (
  file: string,
  desired: DesiredState,
  { labelled, restore, selection }: Request,
  plan: Plan,
): Promise<void> =>
  writeFile(
    file,
    renderSavedPlan({
      kind: "devbackup-plan",
      formatVersion: 1,
      desiredSha256: digestOf(desired),
      labelled,
      selection,
      restore: restore === null ? null : { label: restore.label, to: restore.to?.folder ?? null },
      plan,
    }),
    { mode: 0o600 },
  ).catch((error: Error) => {
    throw new DevbackupError({
      code: "plan-unwritten",
      exitCode: 1,
      what: `the plan could not be written to ${file}`,
      why: error.message,
      state: "Nothing was changed",
      next: "name a file that can be written with --out",
    });
  });

/** Of everything declared that the plan is about; key order and comments do not count. */
const digestOf = (desired: DesiredState): string =>
  sha256Of(
    JSON.stringify({
      ...desired,
      hosts: [...desired.hosts],
      signers: [...desired.signers],
      partOf: undefined,
    }),
  );

/** What a plan file holds was agreed to as a whole. */
function refuseNarrowing(planFile: string, { label, dataset, host, only, restore, to }: RequestFlags): void {
  const [given] =
    Object.entries({ label, dataset, host, only, restore, to }).find(([, value]) => value !== undefined) ??
    [];
  if (given === undefined) return;
  throw new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: `--${given} does not go with a plan file`,
    why: `${planFile} says itself what is to be done`,
    state: "Nothing was contacted",
    next: `devbackup plan --${given} … --out ${planFile}`,
  });
}

/** A plan holds either every dataset or the one that `--dataset` named. */
function flagsOf(
  { plan, labelled, restore, selection: { host, stages } }: SavedPlan,
  narrowed: boolean,
): RequestFlags {
  const [[dataset, label] = []] = Object.entries(plan.labels);
  return {
    ...(restore !== null && restoreFlags(restore)),
    ...(labelled && label !== undefined && { label }),
    ...(narrowed && dataset !== undefined && { dataset }),
    ...(host !== null && { host }),
    ...(stages !== null && { only: stages.join(",") }),
  };
}

const restoreFlags = ({ label, to }: NonNullable<SavedPlan["restore"]>): RequestFlags => ({
  restore: label,
  ...(to !== null && { to }),
});

const planAnew = (file: string, chosen: CommonFlags & RequestFlags): string =>
  commandLine(`${LOOK} --out ${quote(file)}`, chosen);

const notAPlan = (file: string, flags: CommonFlags & RequestFlags, unread?: Error): DevbackupError =>
  new DevbackupError({
    code: "not-a-plan",
    exitCode: 1,
    what: `${file} is no plan that devbackup plan --out wrote`,
    ...(unread !== undefined && { why: unread.message }),
    state: "Nothing was contacted",
    next: planAnew(file, flags),
  });

const anotherDesiredState = (file: string, chosen: CommonFlags & RequestFlags): DevbackupError =>
  new DevbackupError({
    code: "desired-state-changed",
    exitCode: 5,
    what: `the desired state is not the one that ${file} was made from`,
    state: "Nothing was contacted",
    next: planAnew(file, chosen),
  });
