import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Fact } from "../../domain/fact.ts";
import type { Label } from "../../domain/label.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { DevbackupError, LOOK } from "../../domain/trouble.ts";
import { memoryProblems } from "../keys/memory.ts";
import type { View } from "../view.ts";
import { isAuthentic } from "./sign.ts";
import type { ManifestFacts } from "./store.ts";

/** None where there is no manifest yet. @throws DevbackupError where it can't be read, exit code 6 where it is damaged */
export function rowsOf(spec: DatasetSpec, fact: Fact<ManifestFacts>): Manifest {
  if (fact.kind === "absent") return [];
  if (fact.kind === "known" && fact.value.reading.kind === "valid") return fact.value.reading.rows;
  throw new DevbackupError({
    code: "manifest-unreadable",
    exitCode: fact.kind === "unknown" ? 1 : 6,
    host: spec.server,
    what: `the manifest of ${spec.name} cannot be read`,
    why:
      fact.kind === "unknown"
        ? fact.why
        : fact.value.reading.kind === "damaged"
          ? `line ${fact.value.reading.line}: ${fact.value.reading.why}`
          : "",
    state: "Nothing was changed",
    next: LOOK,
  });
}

/** Nothing else than the server's own manifest says what is right. @throws DevbackupError where it is damaged, or another's */
export function refuseForged(view: View): void {
  const { spec, facts } = view;
  rowsOf(spec, facts.manifest);
  if (facts.manifest.kind !== "known" || isAuthentic(view)) return;
  throw new DevbackupError({
    code: "manifest-not-authentic",
    exitCode: 6,
    host: spec.server,
    what: `the manifest of ${spec.name} is not the one that the server signed`,
    why: `its signature is ${facts.manifest.value.signature}`,
    state: "Nothing was changed: what is right is told by the signed manifest alone",
    next: LOOK,
  });
}

/** The same, and where this machine has seen another signer, or a newer manifest. */
export function refuseUntrusted(view: View): void {
  refuseForged(view);
  const [seen] = memoryProblems(view);
  if (seen !== undefined)
    throw new DevbackupError({
      code: seen.code,
      exitCode: seen.exitCode ?? 1,
      ...(seen.host !== null && { host: seen.host }),
      what: seen.text,
      state: "Nothing was looked at: what is right is told by the manifest alone",
      next: seen.next,
    });
}

/** The label of `asked`, which may be `latest`. @throws DevbackupError where there is no such row */
export function labelIn(rows: Manifest, { name, server }: DatasetSpec, asked: string): Label {
  const row = asked === "latest" ? rows.at(-1) : rows.find(({ label }) => label === asked);
  if (row !== undefined) return row.label;
  const refused = { exitCode: 1, host: server, state: "Nothing was changed" } as const;
  throw new DevbackupError(
    rows.length === 0
      ? { ...refused, code: "nothing-backed-up", what: `nothing of ${name} is backed up yet`, next: LOOK }
      : {
          ...refused,
          code: "no-such-label",
          what: `the manifest of ${name} has no label ${asked}`,
          next: `devbackup manifest list --dataset ${name}`,
        },
  );
}
