import { isAlias, isCollection, isMap, isNode, isScalar, isSeq, Pair } from "yaml";
import { type Position, positionAt } from "./problem.ts";
import type { Path } from "./schema.ts";
import type { Source } from "./source.ts";

/** Where a key and its value stand, as offsets into the source's text. */
export interface Place {
  readonly source: Source;
  readonly key: number;
  readonly value: number;
}

/** The place of `path` in whichever file its first key stands in; undefined where nobody wrote it. */
export function placeOf(sources: readonly Source[], path: Path): Place | undefined {
  const source = sources.find((candidate) => pairOf(candidate.top, path[0]) !== undefined);
  let node: unknown = source?.top;
  let place: Place | undefined;
  for (const step of path) {
    const whole = source?.document;
    const holder = isAlias(node) && whole ? node.resolve(whole) : node;
    const pair = pairOf(holder, step);
    if (source === undefined || pair === undefined) return undefined;
    node = pair.value;
    const key = isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0;
    place = { source, key, value: offsetOfValue(node, key) };
  }
  return place;
}

/** As {@link placeOf}, for `FILE:LINE:COL` of the key. */
export function positionOf(sources: readonly Source[], path: Path): Position | undefined {
  const place = placeOf(sources, path);
  return place && positionAt(place.source, place.key);
}

function pairOf(holder: unknown, step: string | undefined): Pair | undefined {
  if (isMap(holder))
    return holder.items.find((item) => isScalar(item.key) && String(item.key.value) === step);
  const item = isSeq(holder) ? holder.items[Number(step)] : undefined;
  return isNode(item) ? new Pair<unknown, unknown>(item, item) : undefined;
}

/** A value that begins on a later line, or that is not there, is better shown by its key. */
function offsetOfValue(node: unknown, key: number): number {
  if (!isNode(node) || !node.range) return key;
  if (isScalar(node) && node.value === null && node.source === "") return key;
  const isBlock = isCollection(node) && node.flow !== true;
  return isBlock ? key : node.range[0];
}
