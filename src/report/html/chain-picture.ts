import { type Html, html } from "../../domain/html.ts";
import { formatBytes, plural } from "../../domain/units.ts";
import type { DatasetStatus, LabelStatus, PlaceName } from "../../status/status.ts";
import { PLACE_NAMES } from "../places.ts";
import { type DrawnChain, drawnChains, isAmiss, LINE, type Slot } from "./chains.ts";
import { STANDING_WORDS, small, standingMark } from "./signs.ts";

const FIRST_X = 82;
const PITCH = 21;
const WIDTH = FIRST_X + (LINE - 1) * PITCH + 14;
const NODE_Y = 26;
/** Of the first place, below one line of names, or two. */
const PLACE_Y = { one: 74, two: 88 };
const PLACE_PITCH = 19;

/** The dataset's chains as pictures, newest first: what builds on what, and where each label stands. */
export function chainPictures(dataset: DatasetStatus, places: readonly PlaceName[]): Html {
  const chains = drawnChains(dataset);
  if (chains.length === 0)
    return html`<p class="quiet">No label yet. The first backup is an anchor: it holds the whole dataset.</p>\n`;
  return html`<div class="figures">
${chains.map((chain) => figure(dataset, chain, places))}</div>
${KEY}`;
}

function figure({ dataset }: DatasetStatus, chain: DrawnChain, places: readonly PlaceName[]): Html {
  const made = chain.labels.filter(({ sizeBytes }) => sizeBytes !== null);
  const bytes = made.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  const size =
    made.length === 0
      ? "not made yet"
      : `${plural(made.filter(({ type }) => type === "increment").length, "increment")}, ${formatBytes(bytes)} in all`;
  return html`<figure class="${chain.lines.length > 1 ? "long" : ""}">
<figcaption><b>Anchor <span class="label">${chain.anchor}</span></b>: ${size}</figcaption>
<div class="lines">${chain.lines.map((line, at) => {
    const before = chain.lines[at - 1];
    if (line.kind === "drawn")
      return drawing({
        id: `chain-${dataset}-${chain.anchor}-${at}`,
        chain,
        slots: line.slots,
        places,
        goesOn: at > 0,
      });
    if (before?.kind === "told") return null;
    const after = chain.lines.findIndex((other, index) => index > at && other.kind === "drawn");
    const told = chain.lines.slice(at, after === -1 ? undefined : after).flatMap(({ slots }) => slots);
    const count = told.filter(({ kind }) => kind === "label").length;
    return html`<p class="more">${plural(count, "more label")}, nothing amiss, in the table below.</p>\n`;
  })}</div></figure>
`;
}

interface Drawing {
  readonly id: string;
  readonly chain: DrawnChain;
  readonly slots: readonly Slot[];
  readonly places: readonly PlaceName[];
  /** There is more of the chain to the left. */
  readonly goesOn: boolean;
}

function drawing({ id, chain, slots, places, goesOn }: Drawing): Html {
  const fronts = new Set(slots.map((slot) => (slot.kind === "label" ? frontOf(slot.label) : null)));
  fronts.delete(null);
  const firstY = fronts.size > 1 ? PLACE_Y.two : PLACE_Y.one;
  const rowY = (place: number): number => firstY + place * PLACE_PITCH;
  const height = rowY(places.length - 1) + 12;
  const labels = slots.filter((slot) => slot.kind === "label");
  return html`<svg role="img" aria-labelledby="${id}-t ${id}-d" viewBox="0 0 ${WIDTH} ${height}">
<title id="${id}-t">Chain of ${chain.anchor}: ${labels[0]?.label ?? ""} to ${labels.at(-1)?.label ?? ""}</title>
<desc id="${id}-d">${described(labels, places)}</desc>
${slots.map((slot, index) => (slot.kind === "label" ? descent(slots, slot, index, goesOn) : null))}
${slots.map((slot, index) => (slot.kind === "label" ? node(slot, xAt(index)) : missed(slot.count, xAt(index), rowY(places.length - 1))))}
${names(slots)}
${places.map(
  (
    place,
    row,
  ) => html`<path d="M0 ${rowY(row) - PLACE_PITCH / 2}H${WIDTH}" stroke="var(--line)"/><text class="quiet" x="0" y="${rowY(row) + 4}">${PLACE_NAMES[place]}</text>
${slots.map((slot, index) => (slot.kind === "label" ? standingMark(slot.places[place], xAt(index), rowY(row)) : null))}
`,
)}</svg>
`;
}

const xAt = (index: number): number => FIRST_X + index * PITCH;

/** From a label's parent to it: straight to the next, in a bow over other labels, from the edge where it stands above. */
function descent(
  slots: readonly Slot[],
  { parent, type }: LabelStatus,
  index: number,
  goesOn: boolean,
): Html | null {
  if (type === "anchor") return null;
  const before = slots.slice(0, index);
  const nearest = before.findLastIndex((slot) => slot.kind === "label");
  const from =
    parent === null
      ? nearest
      : before.findLastIndex((slot) => slot.kind === "label" && slot.label === parent);
  const x = xAt(index);
  // what it will build on hangs on a size that is not known yet
  const dashes = parent === null || from === -1 ? "3 3" : "none";
  if (from === -1 && !(goesOn && nearest === -1)) return null;
  const px = from === -1 ? x - 16 : xAt(from);
  const way =
    from === nearest
      ? `M${px} ${NODE_Y}H${x}`
      : `M${px} ${NODE_Y}Q${(px + x) / 2} ${NODE_Y - 34} ${x} ${NODE_Y}`;
  return html`<path class="quiet" d="${way}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-dasharray="${dashes}"/>`;
}

/** An anchor is a square, an increment a disc; hollow where it is not made yet; crossed where it can't be restored. */
function node({ type, restorable, sha256 }: LabelStatus, x: number): Html {
  const made = sha256 !== null;
  const tone = restorable === false ? "bad" : "mark";
  const fill = made && restorable === true ? "currentColor" : "var(--card)";
  const dashes = made ? "none" : "2.5 2";
  const shape =
    type === "anchor"
      ? html`<rect x="${x - 7}" y="${NODE_Y - 7}" width="14" height="14" rx="2" fill="${fill}" stroke="currentColor" stroke-width="2" stroke-dasharray="${dashes}"/>`
      : html`<circle cx="${x}" cy="${NODE_Y}" r="6" fill="${fill}" stroke="currentColor" stroke-width="2" stroke-dasharray="${dashes}"/>`;
  const inside =
    restorable === false
      ? html`<path d="M${x - 3} ${NODE_Y - 3}l6 6m0-6l-6 6" stroke="currentColor" stroke-width="2"/>`
      : made && restorable === null
        ? html`<text class="quiet mid glyph" x="${x}" y="${NODE_Y + 4.5}">?</text>`
        : null;
  return html`<g class="${tone}">${shape}${inside}</g>`;
}

/** Where a backup was missed nothing stands, and the line goes over it. */
const missed = (count: number, x: number, bottom: number): Html =>
  html`<path class="warn" d="M${x} ${NODE_Y + 32}V${bottom + 6}" stroke="currentColor" stroke-width="1.5" stroke-dasharray="1.5 3.5"/><text class="warn mid" x="${x}" y="${NODE_Y + 24}">−${count}</text>`;

/** The last part of each label; what goes before it stands in front of the first, and below where it changes. */
function names(slots: readonly Slot[]): Html {
  let shown: string | undefined;
  const [first] = slots;
  return html`${slots.map((slot, index) => {
    if (slot.kind === "gap") return null;
    const front = frontOf(slot.label);
    const isNew = front !== shown;
    shown = front;
    const below =
      isNew && slot === first
        ? html`<text class="quiet" x="0" y="${NODE_Y + 24}">${front}</text>`
        : isNew
          ? html`<text class="quiet mid" x="${xAt(index)}" y="${NODE_Y + 39}">${front}</text>`
          : null;
    const last = slot.label.slice(front.length + 1).replace("W", "");
    return html`<text class="mid name" x="${xAt(index)}" y="${NODE_Y + 24}">${last}</text>${below}`;
  })}`;
}

/** What a label shares with those beside it: the year, or year and month. */
const frontOf = (label: string): string => label.slice(0, label.lastIndexOf("-"));

/** For who does not see the picture: what is amiss, label by label; the table has the rest. */
function described(labels: readonly LabelStatus[], places: readonly PlaceName[]): string {
  const [first] = labels;
  const kinds = first?.type === "anchor" ? "An anchor and its increments. " : "Increments. ";
  const wrong = labels.filter(isAmiss).map((label) => {
    const where = places
      .filter((place) => ["damaged", "missing"].includes(label.places[place]))
      .map((place) => `${PLACE_NAMES[place].toLowerCase()} ${STANDING_WORDS[label.places[place]]}`);
    const cannot = label.restorable === false ? ["can't be restored"] : [];
    return `${label.label}: ${[...where, ...cannot].join(", ")}.`;
  });
  return `${kinds}${wrong.length === 0 ? "Nothing is damaged or missing." : wrong.join(" ")} The table of labels below says where each stands.`;
}

const anchorKey = html`<rect x="2" y="2" width="12" height="12" rx="2" fill="currentColor"/>`;
const incrementKey = html`<circle cx="8" cy="8" r="6" fill="currentColor"/>`;
const lostKey = html`<circle cx="8" cy="8" r="6" fill="none" stroke="currentColor" stroke-width="2"/><path d="M5 5l6 6m0-6l-6 6" stroke="currentColor" stroke-width="2"/>`;
const missedKey = html`<path d="M8 0v16" stroke="currentColor" stroke-width="1.5" stroke-dasharray="1.5 3.5"/>`;

const KEY = html`<ul class="key" aria-label="What the shapes mean">
<li><span class="mark">${small(anchorKey)}</span>anchor</li>
<li><span class="mark">${small(incrementKey)}</span>increment, on a line from its parent</li>
<li><span class="bad">${small(lostKey)}</span>can’t be restored</li>
<li><span class="warn">${small(missedKey)}</span>periods without a backup</li>
${(["whole", "damaged", "missing", "unknown", "due", "not-wanted"] as const).map(
  (standing) => html`<li>${small(standingMark(standing, 8, 8))}${STANDING_WORDS[standing]}</li>\n`,
)}</ul>
`;
