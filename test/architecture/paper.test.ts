import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { marked } from "marked";
import type { Browser } from "playwright-core";
import { openBrowser, openPage, withoutBrowser } from "../report/html/browser.ts";
import { readPage, tokensOf } from "./markdown.ts";

const BAD_DAY = "docs/bad-day.md";
/** Of the size in which a book is set, in the fonts that every machine has. */
const SHEET = `@page { size: A4; margin: 16mm }
body { font: 9.5pt/1.35 sans-serif; margin: 0 } h1 { font-size: 17pt; margin: 0 0 4pt } h2 { font-size: 11.5pt; margin: 8pt 0 2pt }
p { margin: 4pt 0 } pre { margin: 3pt 0; padding: 3pt 7pt; background: #f2f2f0; font: 8.5pt/1.3 monospace }
code { font: 8.5pt monospace } table { border-collapse: collapse; margin: 6pt 0 } th { text-align: left }
td, th { padding: 1.5pt 12pt 1.5pt 0; vertical-align: top }`;
/** Paper does not scroll. */
const CUT_OFF = `[...document.querySelectorAll("pre, td")].filter((each) => each.scrollWidth > each.clientWidth).map(({ textContent }) => textContent)`;
/** REPORT_SHOTS=FOLDER keeps pictures of the sheet, to be looked at. */
const SHOTS = process.env.REPORT_SHOTS;

test("the bad day's page leads nowhere that paper can't", () =>
  assert.deepEqual(
    tokensOf(readPage(BAD_DAY)).filter(({ type }) => type === "link" || type === "image"),
    [],
  ));

describe("the bad day's page, printed", { skip: withoutBrowser }, () => {
  const folder = mkdtempSync(join(tmpdir(), "devbackup-paper-"));
  let browser: Browser;
  before(async () => {
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  const sheetsOf = async (markdown: string, name: string): Promise<number> => {
    const file = join(folder, `${name}.html`);
    writeFileSync(
      file,
      `<!doctype html><meta charset="utf-8"><style>${SHEET}</style>${marked.parse(markdown)}`,
    );
    const opened = await openPage(browser, file, { viewport: { width: 673, height: 1002 } });
    assert.deepEqual(await opened.page.evaluate(CUT_OFF), []);
    const pdf = (await opened.page.pdf({ preferCSSPageSize: true })).toString("latin1");
    if (SHOTS !== undefined)
      await opened.page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
    await opened.close();
    return pdf.match(/\/Type\s*\/Page\b/g)?.length ?? 0;
  };

  test("it is one sheet of A4", async () => assert.equal(await sheetsOf(readPage(BAD_DAY), "bad-day"), 1));

  test("a longer one would be two", async () =>
    assert.equal(await sheetsOf(readPage(BAD_DAY).repeat(2), "twice"), 2));
});
