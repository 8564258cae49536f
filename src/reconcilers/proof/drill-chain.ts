import type { Label } from "../../domain/label.ts";
import { chainOf } from "../../domain/lineage.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { copiesOf, sourceOf, whereabouts } from "../artifact/copies.ts";
import { fetchAction } from "../artifact/fetch.ts";
import type { View } from "../view.ts";

/** The registered artifacts that `label` is made from; none of one that is still to be made. */
export const chainToDrill = ({ course }: Pick<View, "course">, label: Label): Manifest =>
  chainOf(course.rows, label) ?? [];

/** Why a drill of `chain` can't be done: what of it can't be had; null where all of it can. */
export function lackingFor(view: View, chain: Manifest): string | null {
  const row = chain.find((each) => !["server", "bucket"].includes(sourceOf(each, view)));
  return row === undefined ? null : `the artifact of ${row.label} is ${whereabouts(copiesOf(row, view))}`;
}

/** What `label` is made from. @throws DevbackupError `artifact-lost` where not all of it can be had */
export function wholeChain(view: View, label: Label): Manifest {
  const { spec } = view;
  const chain = chainToDrill(view, label);
  const lacking = lackingFor(view, chain);
  if (lacking === null) return chain;
  throw new DevbackupError({
    code: "artifact-lost",
    exitCode: 6,
    host: spec.server,
    what: `${label} can't be restored: ${lacking}`,
    state: "Nothing was changed",
    next: `devbackup manifest chain ${label} --dataset ${spec.name}`,
  });
}

/**
 * What the server has to fetch before it can drill `chain`, whatever its rule lets go: a label may be asked for that the
 * bucket alone keeps.
 */
export const fetchesFor = (view: View, chain: Manifest): ReturnType<typeof fetchAction>[] =>
  chain.filter((row) => sourceOf(row, view) === "bucket").map((row) => fetchAction(view, row, "artifact"));
