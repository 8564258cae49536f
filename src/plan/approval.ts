import { shellWord } from "../domain/shell-word.ts";
import { AGAIN } from "../domain/trouble.ts";
import type { Action, ActionId } from "./plan.ts";

/** What the user has let through: ids, kinds, or everything. */
export interface Approval {
  readonly all: boolean;
  readonly named: ReadonlySet<string>;
}

/** Of `--approve`, given any number of times: an id, a kind, or `all`. */
export const parseApproval = (words: readonly string[]): Approval => ({
  all: words.includes("all"),
  named: new Set(words),
});

/** Actions without hazard need no approval, and some have it from the desired state. */
export const isApproved = (action: Action, { all, named }: Approval): boolean =>
  action.hazard === "none" ||
  action.approvedBy !== undefined ||
  all ||
  named.has(action.id) ||
  named.has(action.kind);

export const approvedIds = (actions: readonly Action[], approval: Approval): ActionId[] =>
  actions.filter((action) => action.hazard !== "none" && isApproved(action, approval)).map(({ id }) => id);

/**
 * The commands that let all of these through, ready to be pasted into a shell: one for each kind, by its name where it has
 * several. Plan, apply, status and messages say it alike.
 */
export function approveCommands(
  waiting: readonly Pick<Action, "id" | "kind">[],
  command = AGAIN,
): readonly string[] {
  const byKind = Map.groupBy(waiting, ({ kind }) => kind);
  return [...byKind].map(([kind, [one, ...others]]) =>
    one === undefined || others.length > 0
      ? `${command} --approve ${shellWord(kind)}`
      : approveCommand(one.id, command),
  );
}

/** The command that lets one hazardous action through, ready to be pasted into a shell. */
export const approveCommand = (id: ActionId, command = AGAIN): string =>
  `${command} --approve ${shellWord(id)}`;
