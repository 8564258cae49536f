import { type Html, html } from "../../domain/html.ts";
import { formatBytes, formatMonths } from "../../domain/units.ts";
import type { DatasetStatus, LabelStatus, Room } from "../../status/status.ts";

const WIDTH = 330;
const TOP = 22;
const BOTTOM = 132;
const HEIGHT = 152;
/** More bars than these are put together. */
const MOST_BARS = 66;

type Sized = LabelStatus & { readonly sizeBytes: number };

interface Bar {
  readonly first: string;
  readonly last: string;
  readonly anchorBytes: number;
  readonly incrementBytes: number;
}

/** What each label takes, what they take together, and what room the server has left. */
export function growthCharts(dataset: DatasetStatus): Html {
  const labels = dataset.history.filter(
    (slot): slot is Sized => slot.kind === "label" && slot.sizeBytes !== null,
  );
  if (labels.length === 0) return html`<p class="quiet">Nothing is stored yet.</p>\n${meter(dataset, 0)}`;
  const [only] = labels;
  if (labels.length === 1 && only !== undefined)
    return html`<p class="quiet">${only.label} alone so far: ${formatBytes(only.sizeBytes)}.</p>\n${meter(dataset, only.sizeBytes)}`;
  const each = Math.ceil(labels.length / MOST_BARS);
  const bars: Bar[] = [];
  for (let at = 0; at < labels.length; at += each) bars.push(barOf(labels.slice(at, at + each)));
  const sum = sumOf(labels);
  // retention may have let some go
  const there = labels.filter(({ places }) => places.artifact === "whole" || places.artifact === "damaged");
  return html`<div class="figures">
${perLabel(dataset, bars, each)}${sumOver(dataset, bars, sum)}</div>
${meter(dataset, sumOf(there))}`;
}

const sumOf = (labels: readonly Sized[]): number =>
  labels.reduce((total, { sizeBytes }) => total + sizeBytes, 0);

function barOf(labels: readonly Sized[]): Bar {
  const of = (anchors: boolean): number =>
    sumOf(labels.filter(({ type }) => (type === "anchor") === anchors));
  return {
    first: labels[0]?.label ?? "",
    last: labels.at(-1)?.label ?? "",
    anchorBytes: of(true),
    incrementBytes: of(false),
  };
}

function perLabel({ dataset }: DatasetStatus, bars: readonly Bar[], each: number): Html {
  const most = Math.max(...bars.map(({ anchorBytes, incrementBytes }) => anchorBytes + incrementBytes), 1);
  const pitch = WIDTH / bars.length;
  const width = Math.min(pitch - 1.5, 24);
  // what is there is seen, however small
  const heightOf = (bytes: number): number =>
    bytes === 0 ? 0 : Math.max(1.5, (bytes / most) * (BOTTOM - TOP));
  const newest = bars.at(-1);
  const id = `bars-${dataset}`;
  return html`<figure>
<figcaption><b>${each === 1 ? "Each label’s artifact" : `Artifacts, ${each} labels a bar`}</b></figcaption>
<svg role="img" aria-labelledby="${id}-t ${id}-d" viewBox="0 0 ${WIDTH} ${HEIGHT}">
<title id="${id}-t">Size of the artifacts of ${dataset}</title>
<desc id="${id}-d">From ${bars[0]?.first ?? ""} to ${newest?.last ?? ""}. The largest is ${formatBytes(most)}, the newest ${formatBytes((newest?.anchorBytes ?? 0) + (newest?.incrementBytes ?? 0))}. The table of labels below has every size.</desc>
${axis(formatBytes(most), bars[0]?.first ?? "", newest?.last ?? "")}
${bars.map(({ anchorBytes, incrementBytes }, at) => {
  const x = at * pitch + (pitch - width) / 2;
  const anchor = heightOf(anchorBytes);
  const increment = heightOf(incrementBytes);
  return html`${
    anchor === 0
      ? null
      : html`<rect class="mark" x="${round(x)}" y="${round(BOTTOM - anchor)}" width="${round(width)}" height="${round(anchor)}" fill="currentColor"/>`
  }${
    increment === 0
      ? null
      : html`<rect class="mark" x="${round(x)}" y="${round(BOTTOM - anchor - increment)}" width="${round(width)}" height="${round(increment)}" fill="var(--tint)" stroke="currentColor" stroke-width=".75"/>`
  }`;
})}
</svg>
<p class="more">Solid: anchors. Pale, with an outline: increments.</p>
</figure>
`;
}

function sumOver({ dataset }: DatasetStatus, bars: readonly Bar[], sum: number): Html {
  const pitch = WIDTH / bars.length;
  let total = 0;
  const steps = bars.map(({ anchorBytes, incrementBytes }, at) => {
    total += anchorBytes + incrementBytes;
    const y = round(BOTTOM - (total / Math.max(sum, 1)) * (BOTTOM - TOP));
    return `${at === 0 ? "M0 " : "V"}${y}H${round((at + 1) * pitch)}`;
  });
  const line = steps.join("");
  const id = `sum-${dataset}`;
  return html`<figure>
<figcaption><b>All labels together</b></figcaption>
<svg role="img" aria-labelledby="${id}-t ${id}-d" viewBox="0 0 ${WIDTH} ${HEIGHT}">
<title id="${id}-t">Sum of the artifacts of ${dataset}</title>
<desc id="${id}-d">It has come to ${formatBytes(sum)} with ${bars.at(-1)?.last ?? ""}.</desc>
<path d="${line}V${BOTTOM}H0z" fill="var(--tint)"/>
<path class="mark" d="${line}" fill="none" stroke="currentColor" stroke-width="2"/>
${axis(formatBytes(sum), bars[0]?.first ?? "", bars.at(-1)?.last ?? "")}
</svg>
</figure>
`;
}

const axis = (top: string, first: string, last: string): Html =>
  html`<path d="M0 ${TOP}H${WIDTH}" stroke="var(--line)" stroke-dasharray="2 3"/><path d="M0 ${BOTTOM}H${WIDTH}" stroke="var(--quiet)"/>
<text class="quiet" x="0" y="${TOP - 7}">${top}</text><text class="quiet" x="0" y="${HEIGHT - 4}">${first}</text>${
    last === first ? null : html`<text class="quiet end" x="${WIDTH}" y="${HEIGHT - 4}">${last}</text>`
  }`;

/** The server's disk: what these artifacts take of it, what is taken besides, what is left. */
function meter({ dataset, server, space }: DatasetStatus, sum: number): Html {
  const room: Room | null = space.server;
  if (room === null)
    return html`<p class="quiet">How much room ${server} has left is not known: nobody could look.</p>\n`;
  const { freeBytes, sizeBytes, path } = room;
  const mine = Math.min(sum, sizeBytes - freeBytes);
  const taken = (mine / sizeBytes) * WIDTH;
  const used = ((sizeBytes - freeBytes) / sizeBytes) * WIDTH;
  const id = `room-${dataset}`;
  const parts = [
    `${formatBytes(sum)} in artifacts of ${dataset}`,
    `${formatBytes(sizeBytes - freeBytes - mine)} besides`,
    `${formatBytes(freeBytes)} free`,
  ];
  return html`<figure class="meter">
<figcaption><b>Room on ${server}</b>, around ${path}${
    space.monthsLeft === null ? null : html`: enough for ${formatMonths(space.monthsLeft)} at this pace`
  }</figcaption>
<svg role="img" aria-labelledby="${id}-t ${id}-d" viewBox="0 0 ${WIDTH} 18">
<title id="${id}-t">The disk of ${server}, ${formatBytes(sizeBytes)}</title>
<desc id="${id}-d">${parts.join(", ")}.</desc>
<rect x=".5" y=".5" width="${WIDTH - 1}" height="17" rx="3" fill="var(--card)" stroke="var(--quiet)"/>
<path class="quiet" d="M${round(taken)} 1H${round(used)}V17H${round(taken)}z" fill="var(--line)"/>
<rect class="mark" x="1" y="1" width="${round(Math.max(1, taken))}" height="16" fill="currentColor"/>
</svg>
<p class="more">${parts.join(" · ")}${
    room.quotaLeftBytes === null ? null : ` · a quota leaves ${formatBytes(room.quotaLeftBytes)} of that`
  }</p>
</figure>
`;
}

const round = (value: number): number => Number(value.toFixed(1));
