import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PlannedAction } from "../lab/expect.ts";
import { type Lab, type Machine, startLab } from "../lab/lab.ts";
import { BLOWS, type Blow } from "./blows.ts";
import { type Random, seeded } from "./random.ts";
import { type Run, type RunOptions, run, type Stroke } from "./run.ts";
import { type Dataset, placesOf, TREE } from "./standing.ts";

/** Where datasets are tortured: a lab, and what is counted and measured on the way. */
export interface Bench {
  readonly lab: Lab;
  readonly seed: number;
  readonly identity: string;
  /** By the kind of the action and the name of the blow. */
  readonly cuts: Map<string, number>;
  /** How long an action of a kind takes where nothing disturbs it. */
  readonly usualMs: Map<string, number>;
  readonly run: (args: readonly string[], options?: Omit<RunOptions, "sshConfig">) => Promise<Run>;
  /** A dataset that is not there yet; the desired state speaks of it alone. */
  readonly dataset: (name: string) => Promise<Dataset>;
}

export async function startBench(seed: number): Promise<Bench> {
  const lab = await startLab({ store: "swift" });
  const identity = join(lab.dir, "recovery.txt");
  await writeFile(identity, execFileSync("age-keygen", { stdio: "pipe" }), { mode: 0o600 });
  const recipient = execFileSync("age-keygen", ["-y", identity], { encoding: "utf8" }).trim();
  // a link that has died is noticed in 2 s instead of the usual 45
  const sshConfig = join(lab.dir, "impatient");
  await writeFile(sshConfig, "Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 2\n");
  const cuts = new Map<string, number>();
  const usualMs = new Map<string, number>();
  return {
    lab,
    seed,
    identity,
    cuts,
    usualMs,
    run: async (args, options = {}) => {
      const done = await run(lab, args, { sshConfig, ...options });
      const kind = done.planned.find(({ id }) => id === done.cut?.id)?.kind;
      const counted = `${kind} ${done.cut?.stroke.blow.name}`;
      if (done.cut !== null) cuts.set(counted, (cuts.get(counted) ?? 0) + 1);
      else for (const [of, ms] of done.durationsMs) usualMs.set(of, Math.max(usualMs.get(of) ?? 0, ms));
      return done;
    },
    dataset: async (name) => {
      const { source, snapshots, repository, workingCopy } = placesOf(name);
      const config = await lab.desiredState({
        encryption: { recovery_recipients: [recipient] },
        // so that an anchor of 6 MiB goes up in parts
        cloud: { part_size: "5 MiB" },
        datasets: {
          dev: undefined,
          [name]: {
            path: source,
            snapshots,
            repository,
            working_copy: workingCopy,
            owner: "dev",
            cadence: "daily",
            anchor: { max_incremental_ratio: 100 },
            retention: { workstation_snapshots: "all", server_snapshots: "all" },
          },
        },
      });
      return { name, config, trees: new Map() };
    },
  };
}

/** A further day's work in the dataset. On the first day it is still a plain directory. */
export async function work({ lab }: Bench, { name, trees }: Dataset): Promise<string> {
  const label = `2090-01-0${trees.size + 1}`;
  const tree = await lab.must(
    "ws",
    `${TREE}
    mkdir -p ${placesOf(name).source} && cd ${placesOf(name).source}
    [ -e large ] || { head -c 6M /dev/urandom >large; mkdir "a b"; ln -s large link; }
    head -c 200K /dev/urandom >"of ${label}"; echo ${label} >>"a b/c"; chown -hR dev: .; tree .
    # what a program has not brought to the disk is no backup's to keep from a power cut
    sync -f .`,
  );
  trees.set(label, tree.trim());
  return label;
}

/**
 * Cuts the command off at every action that it ever plans, each once, with the same blow; then lets it come to its
 * end. The actions are those of the plan itself.
 */
export async function atEveryAction(
  bench: Bench,
  args: readonly string[],
  blow: Blow,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const [planned, cutAt] = [new Set<string>(), new Set<string>()];
  const choose = ({ id, host }: PlannedAction): Stroke | null => {
    if (cutAt.has(id)) return null;
    cutAt.add(id);
    return { blow, machine: machineOf(host), delayMs: 0 };
  };
  for (let cut = true; cut; ) {
    const done = await bench.run(args, { env, choose });
    for (const { id } of done.planned) planned.add(id);
    cut = done.cut !== null;
  }
  assert.deepEqual([...cutAt].sort(), [...planned].sort(), "an action was planned and never begun");
}

/** Cuts the command off inside its actions, one to three times, and then lets it come to its end. */
export async function atRandom(
  bench: Bench,
  args: readonly string[],
  random: Random,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (let cuts = 1 + random.below(3); cuts > 0; cuts -= 1) {
    const [which, part, blow, machine] = [
      random.below(1000),
      random.below(1000),
      random.of(BLOWS),
      random.of(["ws", "ls"] as const),
    ];
    let begun = 0;
    const choose = ({ kind }: PlannedAction, planned: readonly PlannedAction[]): Stroke | null => {
      begun += 1;
      if (begun <= which % planned.length) return null;
      const delayMs = Math.floor(((bench.usualMs.get(kind) ?? 0) * part) / 1000);
      return { blow, machine, delayMs };
    };
    await bench.run(args, { env, choose });
  }
  await bench.run(args, { env });
}

export const randomOf = ({ seed }: Bench, name: string): Random => seeded(seed, name);

const machineOf = (host: string): Machine => (host === "ws" ? "ws" : "ls");
