import type { AbsolutePath } from "../domain/names.ts";
import type { HostSpec } from "./desired-state.ts";
import { machineOf } from "./machines.ts";
import type { Report } from "./report.ts";

/** A folder that a dataset wants on a machine. */
export interface Claim {
  readonly dataset: string;
  readonly what: "path" | "snapshots" | "repository" | "working_copy";
  readonly path: AbsolutePath;
  readonly host: HostSpec;
}

const SAYS: Readonly<Record<Claim["what"], string>> = {
  path: "what is backed up",
  snapshots: "the snapshots",
  repository: "the repository",
  working_copy: "the working copy",
};
type Relation = "equal" | "inside" | "around" | "apart";

/** Reports each pair of folders of one machine that would get in each other's way. */
export function reportOverlaps(claims: readonly Claim[], report: Report): void {
  for (const [index, later] of claims.entries()) {
    for (const earlier of claims.slice(0, index)) {
      const relation = relationOf(later.path, earlier.path);
      if (relation === "apart" || machineOf(later.host) !== machineOf(earlier.host)) continue;
      const why = whyNot(later, earlier, relation);
      if (why !== undefined) report(placeOfClaim(later), wrongOf(later, earlier, relation), why);
    }
  }
}

/** What would be right instead; undefined where the two can live together. */
function whyNot(later: Claim, earlier: Claim, relation: Relation): string | undefined {
  const pair = new Set([later.what, earlier.what]);
  const sameDataset = later.dataset === earlier.dataset;
  if (pair.has("repository")) return "a repository of its own, apart from every other folder";
  if (pair.has("working_copy")) {
    return `a folder of its own: the working copy is replaced as a whole with each new label${sameDataset ? "; or null for none" : ""}`;
  }
  // several datasets may keep their snapshots in one folder, and a dataset may lie in another's path: a
  // subvolume of its own ends the outer snapshot there
  if (!sameDataset)
    return relation === "equal" && pair.size + Number(pair.has("path")) > 1 ? "a path of its own" : undefined;
  return relation === "around"
    ? "a folder beside it: `path` is a subvolume of its own, not one among the snapshots"
    : "a folder outside it, on the same file system: snapshots inside the subvolume that they are of would nest in the next ones";
}

function wrongOf(later: Claim, earlier: Claim, relation: Relation): string {
  const subject = `\`${placeOfClaim(later).join(".")}\``;
  const object = `${SAYS[earlier.what]}${later.dataset === earlier.dataset ? "" : ` of ${earlier.dataset}`} (${earlier.path})`;
  const verb = { equal: "is also", inside: "lies inside", around: "lies around", apart: "" }[relation];
  return `${subject} ${verb} ${object}`;
}

const placeOfClaim = (claim: Claim) => ["datasets", claim.dataset, claim.what];

function relationOf(path: AbsolutePath, other: AbsolutePath): Relation {
  if (path === other) return "equal";
  if (path.startsWith(`${other}/`)) return "inside";
  return other.startsWith(`${path}/`) ? "around" : "apart";
}
