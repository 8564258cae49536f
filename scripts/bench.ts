/**
 * `npm run bench [-- --size MIB --rounds 5 --only export,plan,…]`: how quick and how small devbackup is beside
 * the same work by hand, on two machines and a bucket made for it. A whole run writes docs/benchmarks.md. A goal
 * that is missed is marked, and no error.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Lab, startLab, whyNoLab } from "../test/lab/lab.ts";
import { benchMemory, benchUpload } from "./bench/carry.ts";
import { fillDataset } from "./bench/dataset.ts";
import { benchExport } from "./bench/export.ts";
import { mebibytes, type Row } from "./bench/figures.ts";
import { devbackup } from "./bench/measure.ts";
import { describeMachine, renderPage } from "./bench/page.ts";
import { benchPlan } from "./bench/plan.ts";
import { benchRestore, ABOUT as RESTORE } from "./bench/restore.ts";
import { benchStart } from "./bench/start.ts";

const MIB = 1024 ** 2;
const PARTS = ["start", "export", "memory", "upload", "restore", "plan"] as const;
const SMALL_BYTES = 64 * MIB;
const DEFAULTS = { size: "2048", rounds: "5", only: PARTS.join() };

const { values } = parseArgs({
  options: {
    size: { type: "string", default: DEFAULTS.size },
    rounds: { type: "string", default: DEFAULTS.rounds },
    only: { type: "string", default: DEFAULTS.only },
    keep: { type: "boolean", default: false },
  },
});
const largeBytes = Number(values.size) * MIB;
const rounds = Number(values.rounds);
const wanted = new Set(values.only.split(","));
const unknown = [...wanted].filter((name) => !PARTS.some((part) => part === name));
if (!(largeBytes >= SMALL_BYTES) || !Number.isInteger(rounds) || rounds < 1 || unknown.length > 0) {
  console.error(
    `--size MIB, at least ${SMALL_BYTES / MIB}; --rounds N, at least 1; --only out of ${PARTS.join(", ")}; --keep`,
  );
  process.exit(1);
}
const why = whyNoLab();
if (why) {
  console.error(`The benchmarks need two machines in namespaces of this one.\n${why}`);
  process.exit(1);
}

// the datasets and their snapshots; the artifacts of both ways and what is received of them, of two datasets
process.env.LAB_WS_SIZE ??= `${Math.ceil((6 * largeBytes) / MIB + 2048)}M`;
process.env.LAB_LS_SIZE ??= `${Math.ceil((9 * largeBytes) / MIB + 2048)}M`;
const lab = await startLab({ id: process.env.LAB_ID ?? "bench", store: "swift", keep: values.keep });
try {
  await bench(lab);
} finally {
  if (!values.keep) await lab.stop({ all: true });
}

async function bench(lab: Lab): Promise<void> {
  const label = new Date().toISOString().slice(0, 7);
  const large = await lab.desiredState();
  const small = await lab.desiredState({
    datasets: {
      dev: undefined,
      small: {
        ...{ path: "/home/dev/small", snapshots: "/home/dev/snapshots", owner: "dev" },
        ...{ repository: "/srv/btrfs-backups/small", working_copy: "/srv/work/small" },
      },
    },
    // so that the small one too goes in parts
    cloud: { part_size: "8 MiB" },
  });
  say("provisioning both machines");
  for (const config of [small, large])
    await devbackup(lab, ["apply", "--yes", "--only", "provision", "--config", config]);
  say("filling the datasets");
  await fillDataset(lab, "/home/dev/small", SMALL_BYTES);
  const files = await fillDataset(lab, "/home/dev/code", largeBytes);
  await devbackup(lab, ["apply", "--yes", "--only", "snapshot", "--config", large]);
  const machine = await describeMachine(lab);

  const parts: Record<(typeof PARTS)[number], () => Promise<Row[]>> = {
    start: () => benchStart(lab, large, 2 * rounds),
    export: () => benchExport(lab, large, label, rounds),
    memory: () =>
      benchMemory(lab, { config: small, sizeBytes: SMALL_BYTES }, { config: large, sizeBytes: largeBytes }),
    upload: () => benchUpload(lab, large, rounds),
    restore: () => benchRestore(lab, largeBytes, rounds),
    plan: () => benchPlan(lab, large, rounds),
  };
  const rows: Row[] = [];
  for (const part of PARTS) {
    if (!wanted.has(part)) continue;
    say(`measuring: ${part}`);
    rows.push(...(await parts[part]()));
  }
  const page = renderPage({
    command: commandLine(),
    date: new Date(),
    machine,
    about: [
      `The dataset holds ${mebibytes(largeBytes)} in ${files} files: half of the bytes in files of 4 to 64 KiB, half in big ones; half of them compress well, half not at all. The kernel has it in its cache.`,
      `Medians of ${rounds} rounds; the ways that are compared take turns, A B A B, and a ratio is the median of the rounds' own.`,
      ...(wanted.has("restore") ? [RESTORE] : []),
    ],
    rows,
  });
  console.log(page);
  if (!PARTS.every((part) => wanted.has(part))) return;
  const file = join(import.meta.dirname, "../docs/benchmarks.md");
  // what stands under headings of its own was measured otherwise
  const [other = ""] = /\n## [\s\S]*$/.exec(await readFile(file, "utf8").catch(() => "")) ?? [];
  await writeFile(file, page + other);
}

function commandLine(): string {
  const changed = Object.entries(DEFAULTS).flatMap(([name, value]) =>
    values[name as keyof typeof DEFAULTS] === value
      ? []
      : [`--${name}`, values[name as keyof typeof DEFAULTS]],
  );
  return ["npm run bench", ...(changed.length === 0 ? [] : ["--", ...changed])].join(" ");
}

function say(text: string): void {
  console.error(`bench: ${text}`);
}
