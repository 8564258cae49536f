import { writeFileSync } from "node:fs";

/**
 * From here on a core dump of this process, or of one that it starts, holds no memory: there are secrets in it. A limit of
 * size would not do, since what a program takes down is not held to it (core(5), coredump_filter).
 */
export function keepMemoryOutOfCoreDumps(): void {
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // without /proc, or where dumping is off altogether
  }
}
