const SIZE = /^(\d+(?:\.\d+)?) ?([kKMGT]i?)?B$/;
const POWERS: Readonly<Record<string, number>> = { k: 1, K: 1, M: 2, G: 3, T: 4 };

/**
 * Bytes of a size such as `64 MiB` (IEC, powers of 1024) or `20 MB` (SI, powers of 1000), rounded down; undefined for
 * anything else.
 */
export function parseSize(text: string): number | undefined {
  const [, amount, unit = ""] = SIZE.exec(text) ?? [];
  const power = POWERS[unit.charAt(0)] ?? 0;
  const bytes = Number(amount) * (unit.endsWith("i") ? 1024 : 1000) ** power;
  // 4.995 GiB, the largest part of R2, is no whole number of bytes
  return Number.isFinite(bytes) && bytes >= 0 && bytes <= Number.MAX_SAFE_INTEGER
    ? Math.floor(bytes)
    : undefined;
}

/** Bytes a second of a rate such as `20 MiB/s`. */
export const parseRate = (text: string): number | undefined =>
  text.endsWith("/s") ? parseSize(text.slice(0, -2)) : undefined;
