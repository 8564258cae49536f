import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type Fact, known, unknown } from "../../domain/fact.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { jsonLine } from "../../domain/printable.ts";
import { type DrillProof, parseProofs, proofRecord } from "../../domain/proof.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { logsFolder } from "../machine/journal.ts";
import type { Probe } from "../probe.ts";
import { appendTo, expectSuccess } from "../run-script.ts";
import { drillFolder } from "./drill-script.ts";

export interface DrillFacts {
  /** The newest, oldest first. */
  readonly proofs: readonly DrillProof[];
  /** One that was cut off has left something; or one is going on. */
  readonly left: boolean;
}

const logFile = (spec: DatasetSpec): AbsolutePath => joinPath(logsFolder(spec), "drills.jsonl");

export const drillsProbe = (spec: DatasetSpec): Probe<DrillFacts> => ({
  host: spec.server,
  script: sh`
if [ -e ${drillFolder(spec)} ]; then echo left; else echo clear; fi
if [ -e ${logFile(spec)} ]; then tail -n 200 -- ${logFile(spec)}; fi`,
  parse: (stdout): Fact<DrillFacts> => {
    const [first] = stdout.split("\n", 1);
    return first === "left" || first === "clear"
      ? known({ proofs: parseProofs(stdout), left: first === "left" })
      : unknown("what drills have left there was not told");
  },
});

/** Adds one to the log, and has it on the disk. */
export async function recordProof(host: Host, spec: DatasetSpec, proof: DrillProof): Promise<void> {
  const file = logFile(spec);
  await expectSuccess(host, `umask 027${appendTo(file)}`, {
    code: "drill-not-noted",
    what: `the drill of ${proof.label} could not be noted in ${file}`,
    stdin: `${jsonLine(proofRecord(proof))}\n`,
  });
}
