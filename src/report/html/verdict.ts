import { type Html, html } from "../../domain/html.ts";
import type { DatasetStatus, Doubt, Status } from "../../status/status.ts";
import { sign, type Tone } from "./signs.ts";

/** What is judged: the whole, or one dataset of several. */
type Judged = Pick<DatasetStatus, "verdict" | "because" | "doubts">;

type Noted = Pick<Status, "doubts" | "advice"> & Partial<Pick<Status, "away">>;

/** The answer to the first question, in one line, and why. */
export function verdict(judged: Judged, heading: "h2" | "h3"): Html {
  const { tone, says } = verdictWords(judged);
  const title = heading === "h2" ? html`<h2>${says}</h2>` : html`<h3>${says}</h3>`;
  // what stands with its next step among the notes is not said twice
  const noted = new Set(judged.doubts.map(inOneLine));
  const because = judged.because.filter((line) => !noted.has(line)).map((line) => html`<li>${line}</li>\n`);
  return html`<section class="verdict ${tone}">${sign(tone)}<div>${title}${
    because.length === 0 ? null : html`<ul>\n${because}</ul>`
  }</div></section>
`;
}

/** What is said of the whole and of all datasets as one. */
export const withDatasets = (status: Status): Judged & Noted => ({
  ...status,
  doubts: [...status.doubts, ...status.datasets.flatMap(({ doubts }) => doubts)],
  advice: [...status.advice, ...status.datasets.flatMap(({ advice }) => advice)],
});

export function verdictWords({ verdict: is, doubts }: Judged): {
  readonly tone: Tone;
  readonly says: string;
} {
  switch (is) {
    case "well":
      return { tone: "well", says: "All is well" };
    case "overdue":
      return { tone: "warn", says: "A backup is overdue" };
    case "in-doubt":
      return doubts.some(({ weight }) => weight === "damage")
        ? { tone: "bad", says: "Something stored is not as it should be" }
        : { tone: "warn", says: "Something is in doubt" };
  }
}

const inOneLine = ({ host, text }: Pick<Doubt, "host" | "text">): string =>
  host === null ? text : `${host}: ${text}`;

const DOUBT_TONE: Readonly<Record<Doubt["weight"], Tone>> = {
  damage: "bad",
  problem: "warn",
  warning: "warn",
};
const DOUBT_WORD: Readonly<Record<Doubt["weight"], string>> = {
  damage: "Damage",
  problem: "In the way",
  warning: "Warning",
};

/** Doubts, the heaviest first, and advice; with them who did not answer. Nothing where there is nothing to say. */
export function notes({ away = [], doubts, advice }: Noted, inWords: (next: string) => string): Html | null {
  const lines = [
    ...away.map(({ host, why }) =>
      note("quiet", "Not known", `${host} did not answer, so what stands there is not known: ${why}`, null),
    ),
    ...(["damage", "problem", "warning"] as const).flatMap((weight) =>
      doubts
        .filter((doubt) => doubt.weight === weight)
        .map(({ host, text, next }) =>
          note(
            DOUBT_TONE[weight],
            DOUBT_WORD[weight],
            inOneLine({ host, text }),
            next === null ? null : inWords(next),
          ),
        ),
    ),
    ...advice.map((text) => note("mark", "Advice", text, null)),
  ];
  return lines.length === 0 ? null : html`<ul class="notes">\n${lines}</ul>\n`;
}

const note = (tone: Tone, word: string, text: string, next: string | null): Html =>
  html`<li>${sign(tone)}<span><b>${word}.</b> ${text}${next === null ? null : html`<span class="next">Next: ${next}</span>`}</span></li>\n`;
