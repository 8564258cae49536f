import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Position } from "../desired-state/problem.ts";
import type { Path } from "../desired-state/schema.ts";
import type { HostName } from "../domain/names.ts";
import type { Action } from "../plan/plan.ts";
import { reconcilerOf } from "../reconcilers/all.ts";
import { planFrom, viewOf } from "../reconcilers/diff-all.ts";
import type { Observation } from "../reconcilers/facts.ts";
import type { Request } from "../reconcilers/request.ts";
import type { View } from "../reconcilers/view.ts";
import type { Asked, Explanation, Found } from "./explanation.ts";
import { type FactName, foundOf } from "./found.ts";
import { KINDS, type KindWords } from "./kinds.ts";
import { laterOn } from "./later.ts";
import { record, withoutHashes } from "./recorder.ts";

/** Where the desired state was written. */
export interface Written {
  /** Undefined for what a default filled in. */
  readonly positionOf: (path: Path) => Position | undefined;
  /** The line there, as it may be shown. */
  readonly lineAt: (position: Position) => string;
}

/** Kinds whose scripts tell one secret from another, for root alone to read. */
const HOLDS_DIGESTS: ReadonlySet<string> = new Set(["schedule"]);

/** What a plan is made from. */
interface Given {
  readonly desired: DesiredState;
  readonly observed: Observation;
  readonly request: Request;
}

/** From what was asked, through what was found, to what apply would run. Nothing is contacted. */
export async function explain(action: Action, asked: Given, written: Written): Promise<Explanation> {
  const { desired } = asked;
  const words = wordsOf(action.kind);
  const views = viewsOf(asked).filter((view) => isAbout(action, view));
  const spec = views[0]?.spec ?? desired.datasets[0];
  const { steps, whole } = await stepsOf(action, asked);
  return {
    action,
    does: words.does,
    asked: [
      ...restoreAsked(asked.request),
      ...(spec === undefined ? [] : askedBy(words, spec, action, written)),
    ],
    found: foundIn(views, action, words),
    steps,
    open: whole ? null : whyOpen(action, steps.length > 0),
  };
}

/**
 * What only an action before this one will tell, such as the size of an artifact, is a stand-in in its steps: they are
 * those of a plan made once that one is done.
 */
async function stepsOf(action: Action, asked: Given): Promise<Awaited<ReturnType<typeof record>>> {
  const { desired, observed, request } = asked;
  const recorded = (one: Action) =>
    record(reconcilerOf(one.kind), one, { cloud: desired.cloud, now: observed.takenAt });
  const found = await recorded(action);
  const now = HOLDS_DIGESTS.has(action.kind) ? { ...found, steps: found.steps.map(withoutHashes) } : found;
  if (now.steps.length > 0 || now.whole) return now;
  for (const later of laterOn(desired, observed, request)) {
    const then = planFrom(desired, later, request).actions.find(({ id }) => id === action.id);
    const told = then === undefined ? now : await recorded(then);
    if (told.steps.length > 0) return { ...told, steps: told.steps.map(withoutHashes) };
  }
  return now;
}

function wordsOf(kind: string): KindWords {
  const words = KINDS[kind];
  if (words === undefined) throw new RangeError(`nobody explains ${kind}`);
  return words;
}

const viewsOf = ({ desired, observed, request }: Given): View[] =>
  desired.datasets.flatMap((spec) => {
    const found = viewOf(desired, spec, observed, request);
    return found.kind === "view" ? [found.view] : [];
  });

/** Whose facts are asked: a host that serves several datasets is looked at for each. */
const isAbout = ({ dataset, host }: Action, { spec }: View): boolean =>
  dataset === null
    ? ([spec.workstation, spec.server] as readonly HostName[]).includes(host)
    : dataset === spec.name;

const restoreAsked = ({ restore }: Request): Asked[] =>
  restore === null
    ? []
    : [
        { key: "--restore", at: null, text: restore.label },
        ...(restore.to === null ? [] : [{ key: "--to", at: null, text: restore.to.folder }]),
      ];

const askedBy = (words: KindWords, spec: DatasetSpec, action: Action, written: Written): Asked[] =>
  words.asks(spec, action).map((path) => {
    const position = written.positionOf(path);
    return position === undefined
      ? { key: path.join("."), at: null, text: null }
      : {
          key: path.join("."),
          at: `${position.file}:${position.line}`,
          text: written.lineAt(position).trim(),
        };
  });

/** What several datasets have in common, a host's tools say, is told once. */
function foundIn(views: readonly View[], action: Action, words: KindWords): Found[] {
  const all = views.flatMap((view) =>
    factsFor(action, words, view).map((name) => foundOf(name, view, action)),
  );
  return all.filter(({ what }, index) => all.findIndex((other) => other.what === what) === index);
}

/** Of a layout, that of its own host; of an identity, nothing that nobody opened. */
function factsFor({ host, kind }: Action, { follows }: KindWords, { spec, recovered }: View): FactName[] {
  return follows.filter((name) => {
    if (kind === "layout") return (name === "serverLayout") === (host === spec.server);
    return name !== "recovered" || recovered.kind !== "absent";
  });
}

const whyOpen = ({ needs }: Action, shown: boolean): string =>
  `${shown ? "… more, by" : "nothing that could be shown yet: it goes by"} what the hosts answer${needs.length > 0 ? `, and what ${needs.join(", ")} ${needs.length === 1 ? "brings" : "bring"} about` : ""}`;
