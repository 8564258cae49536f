import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  existsSync,
);

/** A machine that does much else besides is slow, and no page is wrong for it. */
const PATIENCE_MS = 180_000;

/** Why pages can't be looked at here; false where they can. */
export const withoutBrowser = CHROMIUM === undefined && "no Chromium: apt-get install chromium";

export const openBrowser = (): Promise<Browser> =>
  // its own sandbox needs what root in a container has not
  chromium.launch({ executablePath: CHROMIUM ?? "", args: ["--no-sandbox"], timeout: PATIENCE_MS });

/** A page that was opened, and what it did besides being shown. */
export interface Opened {
  readonly page: Page;
  /** What it asked for besides itself. */
  readonly requests: readonly string[];
  /** Errors, and whatever the policy refused. */
  readonly complaints: readonly string[];
  readonly close: () => Promise<void>;
}

export async function openPage(
  browser: Browser,
  file: string,
  options: BrowserContextOptions,
): Promise<Opened> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const requests: string[] = [];
  const complaints: string[] = [];
  const url = `file://${file}`;
  page.on("request", (request) => request.url() === url || requests.push(request.url()));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, requests, complaints, close: () => context.close() };
}
