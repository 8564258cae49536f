import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { parentIn } from "../../domain/lineage.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatBytes } from "../../domain/units.ts";
import type { Action, ActionId, Hazard } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose, unknownProblem } from "../answer.ts";
import { fetchId } from "../artifact/fetch.ts";
import {
  artifactDamaged,
  DAMAGED,
  damagedMark,
  type Proving,
  proveScript,
} from "../artifact/prove-script.ts";
import { identityFile } from "../keys/key-files.ts";
import { keyId } from "../keys/keys.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestId, registerId } from "../manifest/register.ts";
import { manifestFile } from "../manifest/store.ts";
import type { Reconciler } from "../reconciler.ts";
import { isHalfReceived } from "../snapshot/complete.ts";
import { entryOf, type Subvolume } from "../snapshot/subvolumes.ts";
import type { View } from "../view.ts";
import { marksOnServer, type Receiving, receiveScript, serverLock, WAITED } from "./receive-script.ts";
import { labelsToReceive, setAsideSnapshotId } from "./to-receive.ts";

interface Input extends Receiving {
  readonly identity: AbsolutePath;
  readonly repository: AbsolutePath;
  readonly manifest: AbsolutePath;
  /** Null where it is yet to be made. */
  readonly artifact: (Proving & { readonly sizeBytes: number }) | null;
}

/** `btrfs receive` of what the manifest has: the proof of every backup, and the parent of the next increment. */
export const hydrate: Reconciler<Input> = {
  kind: "hydrate",
  diff: (view) => {
    const { spec, facts } = view;
    if (facts.hydrated.kind === "unknown")
      return {
        problems: [unknownProblem(spec, spec.server, hydratedFolder(spec.repository), facts.hydrated)],
      };
    return { actions: labelsToReceive(view).map((label) => receive(view, label)) };
  },
  run: async (action, tools) => {
    const { artifact, name } = action.input;
    if (artifact === null) throw new RangeError(`${action.id} has nothing to receive`);
    const result = await tools
      .host(action.host)
      .run(hydrateScript(action.input, artifact), { signal: tools.signal });
    if (result.stdout === WAITED) return "a receive that an earlier run had begun was waited for";
    if (result.exitCode === 0) return `${formatBytes(artifact.sizeBytes)} verified and received`;
    const why = result.stderr.trim();
    if (result.exitCode === DAMAGED) throw artifactDamaged(action.host, artifact.path, why);
    throw new DevbackupError({
      code: "hydrate-failed",
      exitCode: 1,
      host: action.host,
      what: `${name} could not be received`,
      why,
      state: "The artifact and the manifest are as they were; it is safe to run again",
      next: "devbackup apply",
    });
  },
};

export const hydrateId = (spec: DatasetSpec, label: Label): ActionId => actionId("hydrate", spec.name, label);

function receive(view: View, label: Label): Action<Input> {
  const { spec, facts, course } = view;
  const name = snapshotName(spec.name, label);
  const row = course.rows.find((candidate) => candidate.label === label);
  const decision = course.pending.find((pending) => pending.label === label)?.decision;
  const parent = decision === undefined ? (row?.parent ?? null) : parentIn(decision);
  const there = entryOf(facts.hydrated, name);
  const { hazard, reason } = standing(there, row !== undefined);
  return propose("hydrate", spec, {
    id: hydrateId(spec, label),
    host: spec.server,
    label,
    stage: "hydrate",
    change: there === undefined ? "create" : "update",
    hazard,
    summary: `receive ${name} from its artifact`,
    reason,
    details: [`${hydratedFolder(spec.repository)}/${name}`],
    needs: [
      packagesId(spec.server),
      layoutId(spec, spec.server),
      keyId(spec),
      registerId(spec, label),
      manifestId(spec),
      fetchId(spec, label),
      setAsideSnapshotId(spec, label),
      ...(parent === null ? [] : [hydrateId(spec, parent)]),
    ],
    assumes: { sha256: row?.sha256 ?? null },
    input: {
      identity: identityFile(spec),
      repository: spec.repository,
      manifest: manifestFile(spec),
      folder: hydratedFolder(spec.repository),
      name,
      replace: hazard === "destructive",
      marks: marksOnServer(spec),
      lock: serverLock(spec),
      artifact:
        row === undefined
          ? null
          : {
              path: joinPath(spec.repository, row.localPath),
              sha256: row.sha256,
              sizeBytes: row.sizeBytes,
              damagedMark: damagedMark(spec, row),
            },
    },
  });
}

/** Remains of our own cut-off receive may go; whatever else stands under the name, only when approved. */
function standing(
  there: Subvolume | null | undefined,
  registered: boolean,
): { hazard: Hazard; reason: string } {
  if (there === undefined)
    return {
      hazard: "none",
      reason: registered
        ? "registered, and not hydrated yet"
        : "every backup is restored at once, as a proof",
    };
  if (there?.damaged === true)
    return { hazard: "none", reason: "the one there is damaged, and is set aside first" };
  return there !== null && isHalfReceived(there)
    ? { hazard: "none", reason: "an earlier receive was cut off" }
    : {
        hazard: "destructive",
        reason: "what stands there is writable or was never received whole; it is replaced",
      };
}

/** The hash comes first, and the manifest's row: a stream that is not the one of this label must not get to `btrfs receive`. */
const hydrateScript = (input: Input, artifact: Proving): string =>
  receiveScript(input, {
    check: `${proveScript(artifact)}${registeredCheck(input.repository, input.manifest)}`,
    stream: sh`{ age -d -i ${input.identity} "$a" || echo "age failed" >"$w/failed"; } |
{ zstd -q -d -c || echo "zstd failed" >"$w/failed"; }`,
    fromAfar: false,
  });

/**
 * Lines of sh, behind a proof that has set `$a` and `$expected`: the script goes on only where that is the artifact that
 * the manifest has for `$n`.
 */
const registeredCheck = (repository: AbsolutePath, manifest: AbsolutePath): string => `${sh`
repository=${repository} manifest=${manifest}`}
row=$(printf '%s\\t%s\\t%s' "\${n#*@}" "$expected" "\${a#"$repository/"}")
cut -f2,6,7 <"$manifest" | grep -qxF -e "$row" || { echo "the manifest has no such artifact for $n" >&2; exit 1; }
`;
