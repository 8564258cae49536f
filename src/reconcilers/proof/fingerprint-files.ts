import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { labelOfSnapshot, snapshotName } from "../../domain/artifact.ts";
import { type Fact, known } from "../../domain/fact.ts";
import type { Label } from "../../domain/label.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import type { Probe } from "../probe.ts";

const SUFFIX = ".zst";

/** Root's alone: whose hash is known can be told by who guesses its contents. */
export const fingerprintFolder = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "fingerprints");

export const fingerprintFile = (spec: DatasetSpec, label: Label): AbsolutePath =>
  joinPath(fingerprintFolder(spec), `${snapshotName(spec.name, label)}${SUFFIX}`);

/** The labels that have one: whole, since it gets its name last of all. */
export const fingerprintsProbe = (spec: DatasetSpec): Probe<ReadonlySet<Label>> => ({
  host: spec.server,
  script: sh`for f in ${`${fingerprintFolder(spec)}/${spec.name}@`}*${SUFFIX}; do [ ! -f "$f" ] || basename -- "$f" ${SUFFIX}; done`,
  parse: (stdout): Fact<ReadonlySet<Label>> => {
    const labels = stdout.split("\n").map((name) => labelOfSnapshot(spec.name, name));
    return known(new Set(labels.filter((label) => label !== undefined)));
  },
});
