import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { reportPage } from "../../../src/report/html/page.ts";
import { type Opened, openBrowser, openPage, withoutBrowser } from "./browser.ts";
import { STATUSES } from "./statuses.ts";

const SCREENS = {
  phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 900 } },
} as const;
/** A4 without the page's margins, in CSS pixels. */
const PAPER = { width: 703, height: 1017 };
const LOOKS = readFileSync(join(import.meta.dirname, "looks.js"), "utf8");
/** Paper does not scroll. */
const TOO_WIDE = `[...document.querySelectorAll(".scroll")].filter((each) => each.scrollWidth > each.clientWidth).map(({ textContent }) => textContent)`;
/** REPORT_SHOTS=FOLDER keeps pictures of all of them, to be looked at. */
const SHOTS = process.env.REPORT_SHOTS;

describe("the report in Chromium", { skip: withoutBrowser }, () => {
  const folder = mkdtempSync(join(tmpdir(), "devbackup-report-"));
  const files = new Map(
    Object.keys(STATUSES).map((name) => [name, join(folder, `${name.replaceAll(" ", "-")}.html`)]),
  );
  let browser: Browser;
  before(async () => {
    if (SHOTS !== undefined) mkdirSync(SHOTS, { recursive: true });
    for (const [name, file] of files) {
      const status = STATUSES[name];
      assert.ok(status);
      writeFileSync(
        file,
        reportPage({ status, version: "1.2.3", machine: "laptop", inWords: (next) => next }),
      );
    }
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  const isWell = async ({ page, requests, complaints }: Opened): Promise<void> => {
    assert.deepEqual(await page.evaluate(LOOKS), []);
    assert.deepEqual(requests, []);
    assert.deepEqual(complaints, []);
  };
  const picture = async ({ page }: Opened, name: string): Promise<void> => {
    if (SHOTS === undefined) return;
    await page.screenshot({ path: join(SHOTS, `${name.replaceAll(" ", "-")}.png`), fullPage: true });
  };

  for (const [name, file] of files) {
    for (const [screen, options] of Object.entries(SCREENS))
      test(`${name}: ${screen}, light and dark`, async () => {
        const opened = await openPage(browser, file, options);
        for (const colorScheme of ["light", "dark"] as const) {
          await opened.page.emulateMedia({ colorScheme });
          await isWell(opened);
          await picture(opened, `${name} ${screen} ${colorScheme}`);
        }
        await opened.close();
      });

    test(`${name}: on paper, light whatever the screen is, and nothing cut off`, async () => {
      const opened = await openPage(browser, file, { viewport: PAPER });
      const { page } = opened;
      await page.emulateMedia({ media: "print", colorScheme: "dark" });
      await isWell(opened);
      assert.equal(
        await page.evaluate("getComputedStyle(document.body).backgroundColor"),
        "rgb(255, 255, 255)",
      );
      assert.deepEqual(await page.evaluate(TOO_WIDE), []);
      await picture(opened, `${name} paper`);
      const pdf = (await page.pdf({ preferCSSPageSize: true })).toString("latin1");
      assert.ok(/\/Type\s*\/Page\b/.test(pdf));
      await opened.close();
    });
  }

  test("what others wrote is text: nothing of it runs, styles the page or is fetched", async () => {
    const opened = await openPage(browser, files.get("hostile") ?? "", SCREENS.desktop);
    const made = await opened.page.evaluate(
      "[...document.querySelectorAll('script, img, style, [onerror], [onclick]')].map(({ tagName }) => tagName)",
    );
    assert.deepEqual(made, ["STYLE"]);
    assert.match(await opened.page.title(), /^Backups of dev, /);
    assert.match((await opened.page.textContent("main")) ?? "", /<script>document\.title='owned'<\/script>/);
    await isWell(opened);
    await opened.close();
  });
});
