import type { NotifySpec } from "../../desired-state/desired-state.ts";
import { parentOf } from "../../domain/names.ts";
import type { Asked } from "../machine/root-alone.ts";

const nameOf = (index: number): string => `notify.${index}`;

/** Of `notify`, what a run starts or writes to on its own machine. */
export const notifyAsked = (notify: readonly NotifySpec[]): readonly Asked[] =>
  notify.flatMap(({ way }, index): Asked[] => {
    const name = nameOf(index);
    if (way.kind === "command") return [{ name, program: way.argv[0] }];
    return way.kind === "prometheus" ? [{ name, folder: parentOf(way.file) }] : [];
  });
