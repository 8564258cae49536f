import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { Code } from "../domain/code.ts";
import type { Fact } from "../domain/fact.ts";
import type { Label } from "../domain/label.ts";
import type { HostName } from "../domain/names.ts";
import type { Action, ActionId, Problem, Warning } from "../plan/plan.ts";

/** Any of these may be left out. */
export interface Answer<Input> {
  readonly actions?: readonly Action<Input>[];
  readonly warnings?: readonly Warning[];
  readonly notes?: readonly string[];
  readonly problems?: readonly Problem[];
}

/** Several answers as one. */
export const together = <Input>(answers: readonly Answer<Input>[]): Required<Answer<Input>> => ({
  actions: answers.flatMap(({ actions = [] }) => actions),
  warnings: answers.flatMap(({ warnings = [] }) => warnings),
  notes: answers.flatMap(({ notes = [] }) => notes),
  problems: answers.flatMap(({ problems = [] }) => problems),
});

/** The label is left out where the action is not about one. */
export const actionId = (kind: string, subject: string, label?: Label): ActionId =>
  (label === undefined ? `${kind}:${subject}` : `${kind}:${subject}@${label}`) as ActionId;

type Draft<Input> = Pick<Action<Input>, "id" | "host" | "stage" | "change" | "summary" | "reason" | "input"> &
  Partial<Action<Input>>;

/** An action for one dataset with the usual left out: no hazard, no needs, no details, nothing assumed. */
export const propose = <Input>(kind: string, spec: DatasetSpec, draft: Draft<Input>): Action<Input> => ({
  dataset: spec.name,
  label: null,
  kind,
  hazard: "none",
  needs: [],
  details: [],
  assumes: {},
  ...draft,
});

/** Something to put right by hand first. */
export const problem = (
  code: Code,
  spec: DatasetSpec,
  host: HostName | null,
  text: string,
  next: string,
): Problem => ({ code, host, dataset: spec.name, text, next });

/** Something stored is damaged, missing or not authentic: exit code 6. */
export const damage = (...given: Parameters<typeof problem>): Problem => ({
  ...problem(...given),
  exitCode: 6,
});

export const warning = (code: Code, spec: DatasetSpec, host: HostName | null, text: string): Warning => ({
  code,
  host,
  dataset: spec.name,
  text,
});

export const UNKNOWN_STATE = "unknown-state";

/** For a fact that a decision hangs on and that could not be had: nothing is decided on an unknown. */
export const unknownProblem = (
  spec: DatasetSpec,
  host: HostName,
  thing: string,
  fact: Exclude<Fact<unknown>, { kind: "known" }>,
): Problem =>
  problem(
    UNKNOWN_STATE,
    spec,
    host,
    `${thing} could not be looked at: ${fact.kind === "unknown" ? fact.why : "it is not there"}`,
    "put that right and run the same command again; nothing has been changed",
  );
