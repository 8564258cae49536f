// Runs inside the page, in the browser. Its value: what is wrong with the page for who reads it, a line each.
(() => {
  /** WCAG 2.2, 1.4.3 for text and 1.4.11 for shapes. */
  const CONTRAST = { text: 4.5, shape: 3 };
  const SMALLEST_PX = 10.5;
  const wrong = [];
  const all = [...document.querySelectorAll("body, body *")];
  const name = (element) =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute("class") ?? ""}"> ${(element.textContent ?? "").trim().slice(0, 40)}`;

  if (document.documentElement.scrollWidth > window.innerWidth)
    wrong.push(`the page is ${document.documentElement.scrollWidth} wide, the screen ${window.innerWidth}`);
  if (document.documentElement.lang !== "en") wrong.push("no language");

  const levels = [...document.querySelectorAll("h1, h2, h3, h4")].map(({ tagName }) => Number(tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) wrong.push("not one h1");
  for (const [at, level] of levels.entries())
    if (level > (levels[at - 1] ?? 0) + 1) wrong.push(`an h${level} after an h${levels[at - 1]}`);

  const ids = all.flatMap(({ id }) => (id === "" ? [] : [id]));
  if (new Set(ids).size < ids.length) wrong.push(`an id twice: ${ids.sort().join(" ")}`);
  for (const cell of document.querySelectorAll("th"))
    if (!["col", "row"].includes(cell.scope)) wrong.push(`a heading of nothing: ${name(cell)}`);
  for (const table of document.querySelectorAll("table"))
    if (table.caption === null || table.tHead === null) wrong.push(`a table without a name: ${name(table)}`);
  for (const picture of document.querySelectorAll("svg")) {
    if (picture.getAttribute("aria-hidden") === "true") continue;
    const said = (picture.getAttribute("aria-labelledby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "");
    if (picture.getAttribute("role") !== "img" || said.length !== 2 || said.includes(""))
      wrong.push(`a picture without words: ${name(picture)}`);
  }
  for (const element of all)
    if (element instanceof HTMLElement && element.scrollWidth > element.clientWidth + 1) {
      const style = getComputedStyle(element);
      const scrolls = style.overflowX === "auto" && element.tabIndex === 0;
      if (!scrolls && style.display !== "inline" && element.tagName !== "TABLE" && element.clientWidth > 0)
        wrong.push(`what does not fit: ${name(element)}`);
    }

  const parsed = (text) => {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
    return { colour: [red, green, blue], alpha };
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const { colour, alpha } = parsed(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return colour;
      if (alpha > 0) wrong.push(`a ground that is seen through: ${name(at)}`);
    }
    return [255, 255, 255];
  };
  // WCAG 2.2, relative luminance
  const luminance = (colour) => {
    const [red = 0, green = 0, blue = 0] = colour.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (a, b) => {
    const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  let texts = 0;
  for (const element of all) {
    const style = getComputedStyle(element);
    const hasText = [...element.childNodes].some(
      ({ nodeType, textContent }) => nodeType === 3 && (textContent ?? "").trim() !== "",
    );
    if (["TITLE", "DESC", "STYLE"].includes(element.tagName.toUpperCase())) continue;
    if (hasText) {
      texts += 1;
      const scale = element instanceof SVGGraphicsElement ? (element.getScreenCTM()?.a ?? 1) : 1;
      const size = Number.parseFloat(style.fontSize) * scale;
      // a mark has its word beside it
      const isMark = element.closest("[aria-hidden]") !== null;
      if (size < SMALLEST_PX && !isMark) wrong.push(`${size.toFixed(1)} px: ${name(element)}`);
      const colour = parsed(element instanceof SVGElement ? style.fill : style.color).colour;
      const ratio = contrast(colour, ground(element));
      if (ratio < CONTRAST.text) wrong.push(`contrast ${ratio.toFixed(2)}: ${name(element)}`);
    } else if (
      element instanceof SVGElement &&
      [element.getAttribute("fill"), element.getAttribute("stroke")].includes("currentColor")
    ) {
      const ratio = contrast(parsed(style.color).colour, ground(element));
      if (ratio < CONTRAST.shape) wrong.push(`contrast ${ratio.toFixed(2)} of a shape: ${name(element)}`);
    }
  }
  if (texts < 20) wrong.push(`only ${texts} texts were found`);
  return wrong;
})();
