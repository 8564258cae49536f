import type { Check } from "../domain/check.ts";
import { printable } from "../domain/printable.ts";
import { painter, type TextOptions, wrapBehind } from "./lines.ts";

/** What was tried about one dataset, a line each, and whether all of it holds; ends with a newline. */
export function checksText(dataset: string, checks: readonly Check[], { color, width }: TextOptions): string {
  const paint = painter(color);
  const failed = checks.filter(({ ok }) => !ok).length;
  const lines = checks.flatMap(({ what, ok, said }) => {
    const lead = `  ${ok ? "ok    " : "FAILED"}  `;
    return wrapBehind(lead, ok ? "green" : ["bold", "red"], printable(`${what}: ${said}`), width, paint);
  });
  const verdict =
    failed === 0
      ? paint(["bold", "green"], "tested: all of it holds; noted on the server")
      : paint(["bold", "red"], `tested: ${failed} of ${checks.length} failed`);
  return `${[paint("bold", printable(dataset)), ...lines, verdict].join("\n")}\n`;
}
