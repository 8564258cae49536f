import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import type { Lab } from "../../test/lab/lab.ts";
import type { Row } from "./figures.ts";

export interface Page {
  /** As it was typed. */
  readonly command: string;
  readonly date: Date;
  readonly machine: string;
  /** What the figures are about, one line each. */
  readonly about: readonly string[];
  readonly rows: readonly Row[];
}

/** Figures of one way that differ by more were taken beside other work. */
const QUIET_SPREAD = 1.25;

export function renderPage({ command, date, machine, about, rows }: Page): string {
  const restless = rows.filter((row) => (row.spread ?? 1) > QUIET_SPREAD).length;
  const missed = rows.filter(({ goal }) => goal?.met === false);
  return [
    "# Benchmarks",
    "",
    `Written by \`${command}\` on ${date.toISOString().slice(0, 10)}; not edited by hand.`,
    "",
    machine,
    "",
    ...about.map((line) => `- ${line}`),
    "",
    ...table(rows),
    "",
    missed.length === 0 ? "Every goal was met." : `**Missed: ${missed.map(({ what }) => what).join("; ")}.**`,
    ...(restless === 0
      ? []
      : [
          "",
          `The machine had other work beside: in ${restless} of ${rows.length} lines the slowest figure is more than ${QUIET_SPREAD} times the quickest. What was measured in turn bears with that; single times do not.`,
        ]),
    "",
  ].join("\n");
}

function table(rows: readonly Row[]): string[] {
  const head = ["what", "median", "against", "ratio", "goal", "slowest / quickest"];
  const cells = rows.map(({ what, figure, against, ratio, goal, spread }) => [
    what,
    figure,
    against,
    ratio,
    goal === null ? "" : `${goal.text}: ${goal.met ? "met" : "**missed**"}`,
    spread === null ? "" : spread.toFixed(2),
  ]);
  return [head, head.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`);
}

/** The machine by what it has and runs, not by its name. */
export async function describeMachine(lab: Lab): Promise<string> {
  const versions = await lab.must(
    "ws",
    `btrfs --version | head -n 1; zstd --version | sed 's/.* v\\([0-9.]*\\),.*/zstd \\1/'; echo "age $(age --version)"
openssl version | cut -d' ' -f1,2; ssh -V 2>&1 | cut -d, -f1`,
  );
  const debian = readFileSync("/etc/os-release", "utf8").match(/^PRETTY_NAME="(.*)"$/m)?.[1];
  return `One machine, ${cpus().length} cores, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB of memory, ${debian}, Linux ${release()}, Node ${process.versions.node}, load ${loadavg()[0]?.toFixed(1)} before the start; on it two machines and a bucket (OpenStack Swift) in namespaces of their own: ${versions.trim().replaceAll("\n", ", ")}.`;
}
