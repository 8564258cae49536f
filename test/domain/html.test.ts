import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { html, raw } from "../../src/domain/html.ts";

describe("html`…`", () => {
  const rows: readonly { name: string; page: { markup: string }; is: string }[] = [
    { name: "text stays text", page: html`<p>${"<b>&amp;"}</p>`, is: "<p>&#60;b&#62;&#38;amp;</p>" },
    {
      name: "no value ends an attribute",
      page: html`<p title="${`" onclick='x\``}">`,
      is: '<p title="&#34; onclick=&#39;x&#96;">',
    },
    {
      name: "parts of a page are put in as they are",
      page: html`<p>${html`<b>${"<"}</b>`}</p>`,
      is: "<p><b>&#60;</b></p>",
    },
    { name: "lists one after the other", page: html`${["<", html`<i>`, 7, null]}`, is: "&#60;<i>7" },
    { name: "nothing for null", page: html`a${null}b`, is: "ab" },
    { name: "what is markup already", page: html`${raw("<style>")}`, is: "<style>" },
    {
      name: "the invisible is shown, and lines stay lines",
      page: html`${"a\n\u202eb\u001b[31m"}`,
      is: "a\n\\u{202e}b\\x1b[31m",
    },
  ];
  for (const { name, page, is } of rows) test(name, () => assert.equal(page.markup, is));
});
