import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import { type Fact, known } from "../../domain/fact.ts";
import type { Label } from "../../domain/label.ts";
import { joinPath } from "../../domain/names.ts";
import type { Problem } from "../../plan/plan.ts";
import { quote, sh } from "../../transport/quote.ts";
import { problem } from "../answer.ts";
import { hydratedFolder } from "../machine/folders.ts";
import type { Probe } from "../probe.ts";
import type { RestoreTarget } from "../request.ts";
import { isHydrated } from "../snapshot/complete.ts";
import { entryOf, type SubvolumeFolder } from "../snapshot/subvolumes.ts";
import { HAS_PATH } from "./extract-script.ts";

/** By the names of snapshots that stand on the server: which of the paths that are asked for each does not hold. */
export type Lacking = ReadonlyMap<string, readonly string[]>;

/** Of all that stand there: which label is the newest is not known yet. A path is told by its number. */
export const lackingProbe = (spec: DatasetSpec, target: RestoreTarget | null): Probe<Lacking> => {
  const paths = target?.paths ?? [];
  return {
    host: spec.server,
    script:
      paths.length === 0
        ? ":"
        : `${HAS_PATH}${sh`
for s in ${`${hydratedFolder(spec.repository)}/${spec.name}@`}*; do
  [ -d "$s" ] && cd "$s" || continue
  n=0
  for p in ${paths}; do
    has_path "$p" 2>/dev/null || printf 'lacks %s %s\n' "$n" "$(basename -- "$s")"
    n=$((n + 1))
  done
done`}`,
    parse: (stdout) => {
      const lacking = new Map<string, string[]>();
      for (const [, number = "", name = ""] of stdout.matchAll(/^lacks (\d+) (\S+)$/gm))
        lacking.set(name, [...(lacking.get(name) ?? []), paths[Number(number)] ?? ""]);
      return known(lacking);
    },
  };
};

/** Told before anything is carried, where the label's snapshot stands on the server and can be looked into. */
export function lackingProblems(
  spec: DatasetSpec,
  facts: { readonly hydrated: Fact<SubvolumeFolder>; readonly lacking: Fact<Lacking> },
  label: Label,
): Problem[] {
  const name = snapshotName(spec.name, label);
  if (!isHydrated(entryOf(facts.hydrated, name)) || facts.lacking.kind !== "known") return [];
  const missing = facts.lacking.value.get(name) ?? [];
  if (missing.length === 0) return [];
  return [
    problem(
      "no-such-path",
      spec,
      spec.server,
      `${name} does not hold ${missing.join(", ")}${missing.some((path) => path.includes("/")) ? ", or a folder above it is a link" : ""}`,
      wherePathsAre(spec, name),
    ),
  ];
}

const wherePathsAre = (spec: DatasetSpec, name: string): string =>
  `name paths as they were at that label; on ${spec.server}, sudo ls ${quote(joinPath(hydratedFolder(spec.repository), name))} shows what there is`;
