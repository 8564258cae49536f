import assert from "node:assert/strict";
import { execa } from "execa";
import type { Fabricated, Machine } from "./fabricated.ts";

/** The chain of the newest label, and what else the bucket holds beside the escrow. */
export const NEWEST = ["2026-03", "2026-04", "2026-05"];
export const MANIFEST = ["manifests/snapshots_v2.tsv.age", "manifests/snapshots_v2.tsv.sig"];

/** Runs a script of the kit, and gives what it said. */
export async function exits(
  exitCode: number,
  on: Machine,
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const result = await on.run(script, args, env);
  assert.equal(result.exitCode, exitCode, `${script} ${args.join(" ")}\n${result.said}`);
  return result.said;
}

/** What lies below artifacts/, by path. */
export const artifacts = async ({ repository }: Machine): Promise<string[]> =>
  (await execa("find", ["artifacts", "-type", "f"], { cwd: repository })).stdout
    .split("\n")
    .filter(Boolean)
    .sort();

export const pathsIn = ({ rows }: Fabricated, labels: readonly string[]): string[] =>
  labels.map((label) => rows.find((row) => row.label === label)?.path ?? "").sort();
