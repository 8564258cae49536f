import assert from "node:assert/strict";
import jsQR from "jsqr";

/** What a reader sees in the page's QR code; its picture is drawn from the SVG's squares, as a browser does. */
export function codeOf(page: string): string | undefined {
  const [, width, path] = /<svg [^>]*viewBox="0 0 (\d+) \1"[\s\S]*? d="([^"]*)"/.exec(page) ?? [];
  assert(width && path);
  const size = Number(width);
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  for (const [, x, y, side] of path.matchAll(/M(\d+),(\d+)h(\d+)v\3h-\3z/g))
    for (let row = Number(y); row < Number(y) + Number(side); row++)
      for (let column = Number(x); column < Number(x) + Number(side); column++)
        pixels.fill(0, (row * size + column) * 4, (row * size + column) * 4 + 3);
  // CommonJS with `default` inside
  const read = typeof jsQR === "function" ? jsQR : jsQR.default;
  return read(pixels, size, size)?.data;
}
