import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import type { Token, Tokens } from "marked";
import { anchorsOf, pages, ROOT, readPage, tokensOf } from "./markdown.ts";

const isLink = (token: Token): token is Tokens.Link | Tokens.Image =>
  token.type === "link" || token.type === "image";

test("every link of every page leads somewhere: to a file that is there, and to an anchor that it has", () => {
  const broken: string[] = [];
  let count = 0;
  for (const page of pages()) {
    for (const { href } of tokensOf(readPage(page)).filter(isLink)) {
      if (/^[a-z]+:/.test(href)) continue;
      count += 1;
      const [path = "", anchor] = href.split("#");
      const target = path === "" ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(ROOT, target))) broken.push(`${page}: ${href}: no such file`);
      else if (anchor !== undefined && !(isPage(target) && anchorsOf(readPage(target)).has(anchor)))
        broken.push(`${page}: ${href}: no such heading`);
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(count > 100, String(count));
});

test("docs/README.md leads to every page of the manual", () => {
  const linked = new Set(
    tokensOf(readPage("docs/README.md"))
      .filter(isLink)
      .map(({ href }) => normalize(join("docs", href.split("#")[0] ?? ""))),
  );
  const missing = pages().filter((page) => /^docs\/[\w-]+\.md$/.test(page) && !linked.has(page));
  assert.deepEqual(
    missing.filter((page) => page !== "docs/README.md"),
    [],
  );
});

const isPage = (target: string): boolean => target.endsWith(".md") && statSync(join(ROOT, target)).isFile();
