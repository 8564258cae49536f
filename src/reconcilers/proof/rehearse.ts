import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Code } from "../../domain/code.ts";
import type { Label } from "../../domain/label.ts";
import { joinPath } from "../../domain/names.ts";
import type { DrillProof, DrillResult } from "../../domain/proof.ts";
import { differenceInWords } from "../../domain/tree-difference.ts";
import { AGAIN, DevbackupError } from "../../domain/trouble.ts";
import { formatBytes, formatDuration, plural } from "../../domain/units.ts";
import { artifactDamaged, DAMAGED } from "../artifact/prove-script.ts";
import type { Tools } from "../reconciler.ts";
import { parseComparison } from "./compare.ts";
import { drillScript, NO_ROOM, NOT_RESTORED } from "./drill-script.ts";
import { recordProof } from "./drills.ts";

/**
 * One drill, and its proof into the log. What it came to, in words.
 * @throws DevbackupError `artifact-damaged` or `drill-differs` (exit 6), `not-restored`; `no-space` and `drill-failed` where
 *   nothing was found out, and nothing is noted
 */
export async function rehearse(spec: DatasetSpec, label: Label, tools: Tools): Promise<string> {
  const host = tools.host(spec.server);
  const begun = tools.now().getTime();
  const { exitCode, stdout, stderr } = await host.run(drillScript(spec, label), { signal: tools.signal });
  const said = stderr.trim();
  const done = readDrill(stdout);
  const elapsedMs = Math.max(0, tools.now().getTime() - begun);
  const note = async (result: DrillResult, tree: DrillProof["tree"], why: readonly string[]) => {
    const { durationMs = elapsedMs, artifacts } = done;
    const proof = { label, at: tools.now(), result, durationMs, tree, artifacts, why };
    tools.assertHeld();
    await recordProof(host, spec, proof);
    return proof;
  };
  const fail = (code: Code, what: string, why: string, exit: 1 | 6 = 1, next?: string) =>
    new DevbackupError({
      code,
      host: spec.server,
      what,
      why,
      exitCode: exit,
      ...(next !== undefined && { next }),
      state:
        "What had been restored was removed, and what is stored was not touched; it is safe to run again",
    });
  if (exitCode === DAMAGED) {
    await note("failed", null, [`${done.last} is damaged: ${said}`]);
    throw artifactDamaged(spec.server, joinPath(spec.repository, done.last), said);
  }
  if (exitCode === NO_ROOM || /No space left on device|Disk quota exceeded/.test(said))
    throw fail(
      "no-space",
      `${label} was not drilled: there is no room to restore it`,
      roomInWords(stdout) ?? said,
      1,
      `make room on ${spec.server}, or raise the quota there, then: ${AGAIN}`,
    );
  if (exitCode === NOT_RESTORED) {
    await note("failed", null, [`${done.last}: ${said}`]);
    throw fail("not-restored", `${label} can't be restored from its artifacts: ${done.last} fails`, said, 6);
  }
  const found = parseComparison(stdout);
  if (exitCode !== 0 || done.durationMs === undefined || (found === undefined && done.tree === null))
    throw fail("drill-failed", `${label} could not be drilled`, said || `exit code ${exitCode}`);
  if (found === undefined) return inWords(await note("restored", done.tree, []));
  const { files, bytes, differing, first } = found;
  const named = first.map(differenceInWords);
  const rest = differing - named.length;
  const why = rest > 0 ? [...named, `and ${plural(rest, "more path")}`] : named;
  const proof = await note(differing === 0 ? "same" : "differs", { files, bytes }, why);
  if (differing === 0) return inWords(proof);
  throw fail(
    "drill-differs",
    `${label}, restored from its artifacts, is not what was backed up: ${plural(differing, "path differs", "paths differ")}`,
    why.join("\n"),
    6,
    `devbackup restore ${label} --to FOLDER brings it beside what is there, to be looked at; the original is ${joinPath(spec.snapshots, snapshotName(spec.name, label))} on ${spec.workstation}`,
  );
}

/** What a drill found, on one line. */
function inWords({ label, result, tree, artifacts, durationMs }: DrillProof): string {
  const what =
    result === "same"
      ? "the same as what was backed up"
      : `restored; there is no fingerprint of ${label} to compare it with`;
  const of = tree === null ? "" : `: ${plural(tree.files, "file")}, ${formatBytes(tree.bytes)}`;
  return `${what}${of}, from ${plural(artifacts.count, "artifact")} (${formatBytes(artifacts.bytes)}) in ${formatDuration(durationMs)}`;
}

interface Done {
  /** Of the artifacts that were begun, the last one's path in the repository. */
  readonly last: string;
  readonly artifacts: DrillProof["artifacts"];
  /** Left out where it was not restored. */
  readonly durationMs?: number;
  /** Where there was nothing to compare it with. */
  readonly tree: DrillProof["tree"];
}

function readDrill(stdout: string): Done {
  const artifacts = [...stdout.matchAll(/^artifact (\d+) (.+)$/gm)];
  const [, ms] = /^restored (\d+)$/m.exec(stdout) ?? [];
  const [, files, bytes] = /^files (\d+) (\d+)\nno fingerprint$/m.exec(stdout) ?? [];
  return {
    last: artifacts.at(-1)?.[2] ?? "",
    artifacts: {
      count: artifacts.length,
      bytes: artifacts.reduce((sum, [, size]) => sum + Number(size), 0),
    },
    ...(ms !== undefined && { durationMs: Number(ms) }),
    tree: files === undefined ? null : { files: Number(files), bytes: Number(bytes) },
  };
}

function roomInWords(stdout: string): string | undefined {
  const [, free, needed, of] = /^room (\d+) (\d+) (disk|quota)$/m.exec(stdout) ?? [];
  return free === undefined
    ? undefined
    : `${formatBytes(Number(free))} ${of === "quota" ? "left of the Btrfs quota" : "free"}, and at least ${formatBytes(Number(needed))} needed`;
}
