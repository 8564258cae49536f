import { formatBytes, formatClock, formatRate } from "../domain/units.ts";

/** How quickly the shown rate follows the real one: long enough to be read, short enough to show a stall. */
const SMOOTHING_MS = 5000;
const SHORTEST_SAMPLE_MS = 500;
/** What would take longer is no estimate: most likely nothing moves. */
const LONGEST_LEFT_MS = 100 * 60 * 60 * 1000;

/** A running action: how long it has run and, where it moves bytes, how many and how fast. */
export interface Transfer {
  /** Bytes at the far end now; null `totalBytes` where only the end will tell. */
  progress(bytes: number, totalBytes: number | null): void;
  /** `312 MiB of 1.2 GiB · 45 MiB/s · 0:12 · 0:20 left`, or what of it is known. */
  text(): string;
}

/** `now` gives milliseconds of any one clock. */
export function createTransfer(now: () => number): Transfer {
  const startedMs = now();
  let latest: { bytes: number; totalBytes: number | null } | undefined;
  let sample: { bytes: number; atMs: number } | undefined;
  let bytesPerSecond: number | undefined;

  function measure(): void {
    if (latest === undefined) return;
    // what was there at the first word of it was sent by an earlier run: it says nothing about the rate
    sample ??= { bytes: latest.bytes, atMs: now() };
    const elapsedMs = now() - sample.atMs;
    if (elapsedMs < SHORTEST_SAMPLE_MS) return;
    const current = (Math.max(0, latest.bytes - sample.bytes) * 1000) / elapsedMs;
    const weight = 1 - Math.exp(-elapsedMs / SMOOTHING_MS);
    bytesPerSecond =
      bytesPerSecond === undefined ? current : bytesPerSecond + weight * (current - bytesPerSecond);
    sample = { bytes: latest.bytes, atMs: now() };
  }

  function left(): string[] {
    if (!latest?.totalBytes || !bytesPerSecond) return [];
    const leftMs = (1000 * Math.max(0, latest.totalBytes - latest.bytes)) / bytesPerSecond;
    return leftMs > 0 && leftMs < LONGEST_LEFT_MS ? [`${formatClock(leftMs)} left`] : [];
  }

  return {
    progress(bytes, totalBytes) {
      latest = { bytes, totalBytes };
      measure();
    },
    text() {
      // also without news, so that the rate of a link that has died falls
      measure();
      const clock = formatClock(now() - startedMs);
      if (latest === undefined) return clock;
      const of = latest.totalBytes === null ? "" : ` of ${formatBytes(latest.totalBytes)}`;
      const rate = bytesPerSecond === undefined ? [] : [formatRate(Math.round(bytesPerSecond))];
      return [formatBytes(latest.bytes) + of, ...rate, clock, ...left()].join(" · ");
    },
  };
}
