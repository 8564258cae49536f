import type { Explanation } from "../explain/explanation.ts";
import { type PublicAction, publicAction } from "./plan-json.ts";

/** The document of `devbackup explain --json`, `formatVersion` 1. */
export type PublicExplanation = Omit<Explanation, "action"> & {
  readonly formatVersion: 1;
  readonly action: PublicAction;
};

export const explainJson = ({ action, does, asked, found, steps, open }: Explanation): PublicExplanation => ({
  formatVersion: 1,
  action: publicAction(action),
  does,
  asked,
  found,
  steps,
  open,
});
