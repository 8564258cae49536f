/**
 * Warnings that every plan has until something is declared, or done once: no word about what is stored. Who monitors is
 * not alarmed by them.
 */
export const ADVICE: readonly string[] = [
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
];
