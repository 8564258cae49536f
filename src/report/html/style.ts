import { createHash } from "node:crypto";

/**
 * Light unless a screen asks for dark: paper is always light. Every colour of a text has 4.5:1 and more on what it
 * stands on; a colour never says anything alone. No `style` attributes: the page's policy lets this one sheet through.
 */
export const STYLE = `
:root { color-scheme: light; --page: #f6f6f3; --card: #fff; --ink: #1c2126; --quiet: #545c66; --line: #d8dad6;
  --well: #17713f; --warn: #855300; --bad: #b3261e; --mark: #2a5c9f; --tint: #c9d8ec }
@media screen and (prefers-color-scheme: dark) { :root { color-scheme: dark; --page: #121517; --card: #1a1e22;
  --ink: #e4e6e9; --quiet: #a5adb7; --line: #353b42; --well: #63cb94; --warn: #e2b44c; --bad: #ff8f85;
  --mark: #8db8f2; --tint: #33475f } }
* { box-sizing: border-box; margin: 0 }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif }
header, main, footer { max-width: 1060px; margin: 0 auto; padding: 0 24px }
header { padding-top: 36px }
h1 { font-size: 27px; line-height: 1.2; letter-spacing: -.01em }
h2 { font-size: 21px; line-height: 1.25; letter-spacing: -.005em }
h3 { font-size: 16px; line-height: 1.3; margin: 34px 0 12px }
p, ul { max-width: 74ch }
code, .label { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
  font-size: .9em }
.label { white-space: nowrap }
a { color: var(--mark) }
time { white-space: nowrap }
p + p, .scroll + p, p + figure { margin-top: 12px } .figures + figure { margin-top: 26px }
.quiet, figcaption, caption, .made, footer, dt, .more { color: var(--quiet) }
.kind { font-size: 13px; font-weight: 600; letter-spacing: .04em; color: var(--quiet); margin-bottom: 2px }
.made { margin-top: 6px; font-size: 14px }
.well { color: var(--well) } .warn { color: var(--warn) } .bad { color: var(--bad) } .mark { color: var(--mark) }
svg.sign { width: 1em; height: 1em; vertical-align: -.12em; flex: none }

.verdict { display: flex; gap: 14px; align-items: flex-start; margin: 22px 0; padding: 16px 18px; background: var(--card);
  border: 1px solid var(--line); border-left: 5px solid currentColor; border-radius: 6px }
.verdict > svg.sign { width: 26px; height: 26px; margin-top: 1px }
.verdict h2, .verdict h3 { margin: 0; color: inherit; line-height: 28px }
.verdict ul, .verdict p { color: var(--ink); margin-top: 4px }
ul { padding-left: 20px }
.notes { list-style: none; padding: 0; max-width: none; display: grid; gap: 10px; margin: 16px 0 }
.notes li { display: flex; gap: 10px; align-items: flex-start; max-width: 92ch }
.notes svg.sign { margin-top: 4px }
.notes b { font-weight: 600 }
.next { display: block; color: var(--quiet) }

.dataset { border-top: 1px solid var(--line); margin-top: 40px; padding-top: 30px }
.dataset > .quiet { margin-top: 2px }
.facts { display: grid; grid-template-columns: repeat(4, 1fr); gap: 1px; margin: 18px 1px }
.facts div { background: var(--card); padding: 12px 15px 13px; box-shadow: 0 0 0 1px var(--line) }
dt { font-size: 13px }
dd { font-size: 14px; color: var(--quiet) }
dd b { display: block; font-size: 18px; font-weight: 600; line-height: 1.35; color: var(--ink) }
dd b.bad { color: var(--bad) } dd b.warn { color: var(--warn) }

.figures, .long .lines { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); gap: 26px 40px }
.long, .lines .more { grid-column: 1 / -1 }
figure svg { display: block; width: 100%; max-width: 440px; height: auto; overflow: visible }
svg text { fill: currentColor; font-size: 12px } svg .mid { text-anchor: middle } svg .end { text-anchor: end }
figcaption { font-size: 14px; margin: 0 0 10px } figcaption b { color: var(--ink); font-weight: 600 }
.more { font-size: 14px; margin: 4px 0 14px }
.key { list-style: none; padding: 0; max-width: none; display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 16px 0 0;
  font-size: 14px; color: var(--quiet) }
.key svg { vertical-align: -3px; margin-right: 6px }
svg text.glyph { font-weight: 700 } svg text.name { font-size: 11px }

.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 6px }
.scroll:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums }
caption { text-align: left; font-size: 14px; padding: 10px 14px 4px }
th, td { text-align: left; padding: 6px 14px; border-top: 1px solid var(--line); vertical-align: top; white-space: nowrap;
  overflow-wrap: normal }
thead th { border-top: 0; font-size: 13px; font-weight: 600; color: var(--quiet); vertical-align: bottom }
tbody th { font-weight: 600 } tbody th.wide { font-weight: 400 }
.wide { white-space: normal; min-width: 220px; overflow-wrap: anywhere }
.number { text-align: right }
.standing svg { vertical-align: -3px; margin-right: 6px }
td.quiet, tr.gap td { color: var(--quiet) }
footer { margin-top: 44px; padding-top: 14px; padding-bottom: 40px; border-top: 1px solid var(--line); font-size: 14px }

@media (max-width: 860px) { .facts { grid-template-columns: 1fr 1fr } }
@media (max-width: 640px) {
  header, main, footer { padding-left: 16px; padding-right: 16px }
  header { padding-top: 24px }
  h1 { font-size: 24px }
  .facts div { padding: 10px 12px 11px }
  dd b { font-size: 17px }
  caption { position: sticky; left: 0; max-width: calc(100vw - 34px); padding-left: 10px }
  th, td { padding: 6px 10px }
  table.labels tbody th, table.labels thead th:first-child { position: sticky; left: 0; background: var(--card);
    box-shadow: 1px 0 var(--line) }
}
@page { size: A4; margin: 14mm 12mm }
@media print {
  :root { --page: #fff; --card: #fff }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  body { font-size: 10pt }
  header, main, footer { max-width: none; padding: 0 }
  .scroll { overflow: visible; border: 0; border-radius: 0 }
  table { font-size: 8pt } .label, code { font-size: 1em } thead th { font-size: 8pt } dt, caption, figcaption, dd, .key, .more, footer { font-size: 8.5pt }
  th, td { padding: 3px 5px; white-space: normal } .wide { min-width: 0 } .standing svg { width: 11px; margin-right: 3px } .label, .number, .standing, .said { white-space: nowrap } caption { padding: 4px 5px }
  thead { display: table-header-group }
  tr, figure svg, .facts div, .verdict, .notes li, .key, .meter { break-inside: avoid }
  h2, h3, figcaption, caption { break-after: avoid }
  .figures, .long .lines { grid-template-columns: 1fr 1fr; gap: 14px 24px }
  .facts { grid-template-columns: repeat(4, 1fr) } dd b { font-size: 11pt }
  .dataset + .dataset { break-before: page }
}
`;

/**
 * A page that an injected element could do nothing on: no script, nothing fetched from anywhere, no form, and no style
 * but {@link STYLE} itself (CSP level 3, hash-source).
 */
export const POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'`;
