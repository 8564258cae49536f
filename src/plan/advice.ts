import type { Code } from "../domain/code.ts";
import type { Warning } from "./plan.ts";

/**
 * Warnings that every plan has until something is declared, or done once: no word about what is stored. Who monitors is
 * not alarmed by them.
 */
const ADVICE: readonly Code[] = [
  "no-cloud",
  "no-recovery-recipient",
  "no-escrow",
  "escrow-untested",
  "bucket-unlocked",
  "open-to-user",
  "not-backed-up",
  "restriction-outdated",
  "retention-last-copy",
  "retention-restricted",
  "schedule-program-kept",
  "textfile-open",
];

/** Warnings that something stored is whole nowhere any more: no apply mends that, so none fails by it. */
const LOSS: readonly Code[] = ["artifact-lost", "snapshot-lost"];

export const isLoss = ({ code }: Pick<Warning, "code">): boolean => LOSS.includes(code);

export const isAdvice = ({ code }: Pick<Warning, "code">): boolean => ADVICE.includes(code);

/** The warnings that a person has to see to: what is counted, and what alarms. */
export const worthSeeing = <Kind extends Pick<Warning, "code">>(warnings: readonly Kind[]): Kind[] =>
  warnings.filter((warning) => !isAdvice(warning));
