import type { Argv, HooksSpec } from "./desired-state.ts";
import type { WrittenArgv, WrittenDataset } from "./written.ts";

const TIMEOUT = /^(\d+) (s|min|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000 };

export const hooksOf = (written: NonNullable<WrittenDataset["hooks"]>): HooksSpec => ({
  beforeSnapshot: argvOf(written.before_snapshot) ?? null,
  afterSnapshot: argvOf(written.after_snapshot) ?? null,
  afterApply: argvOf(written.after_apply) ?? null,
  timeoutMs: timeoutOf(written.timeout ?? "10 min"),
});

/** Undefined where there is none, or a word of it was refused. */
export function argvOf(written: WrittenArgv | null | undefined): Argv | undefined {
  const [program, ...words] = written ?? [];
  const whole = words.every((word) => word !== undefined);
  return program === undefined || !whole ? undefined : [program, ...words];
}

function timeoutOf(text: string): number {
  const [, count, unit = "min"] = TIMEOUT.exec(text) ?? [];
  return Number(count) * (UNIT_MS[unit] ?? 0);
}
