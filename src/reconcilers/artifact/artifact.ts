import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { artifactPath, objectKey, snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { parentIn } from "../../domain/lineage.ts";
import { type ManifestRow, renderRow } from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, joinPath } from "../../domain/names.ts";
import type { PendingLabel } from "../../domain/pending.ts";
import { formatBytes } from "../../domain/units.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { watchSize } from "../../transport/watch-size.ts";
import { actionId, propose } from "../answer.ts";
import { recipientId } from "../keys/keys.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { ROW_SUFFIX, tmpFile } from "../manifest/store.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess, type Failure } from "../run-script.ts";
import { snapshotId } from "../snapshot/snapshot.ts";
import type { View } from "../view.ts";
import { type Sending, send } from "./artifact-send.ts";
import { clearRemains } from "./remains.ts";

interface Input extends Sending {
  readonly objectKey: string | null;
  /** When the artifact before it was made; null for the first. */
  readonly after: string | null;
}

/** `btrfs send | zstd | age` on the workstation, into a proven file on the server. */
export const artifact: Reconciler<Input> = {
  kind: "artifact",
  diff: (view) => {
    const unmade = view.course.pending.filter(({ made }) => made === null);
    return { actions: unmade.map((pending) => makeArtifact(view, pending)) };
  },
  run: async (action, tools) => {
    const { input } = action;
    const { dataset, label, parent } = input;
    const [workstation, server] = [tools.host(dataset.workstation), tools.host(dataset.server)];
    const ref = { dataset: dataset.name, label, parent };
    const path = artifactPath(ref);
    const file = fileName(path);
    const tmp = tmpFile(dataset, file);
    const failed: Failure = { code: "artifact-failed", what: `${file} could not be made` };
    await expectSuccess(server, clearRemains(dataset, ROW_SUFFIX), failed);
    const stopWatching = watchSize(server, tmp, (bytes) => tools.progress(bytes, null));
    const { endedAt, ...sent } = await send(workstation, server, input, tmp, tools.signal)
      .catch(async (error: unknown) => {
        await server.run(sh`rm -f -- ${tmp}`).catch(() => undefined);
        throw error;
      })
      .finally(stopWatching);
    tools.assertHeld();
    const row: ManifestRow = {
      ts: madeAt([tools.now(), endedAt, ...(input.after === null ? [] : [new Date(input.after)])]),
      label,
      parent,
      ...sent,
      localPath: path,
      objectKey: input.objectKey,
    };
    await expectSuccess(server, finishScript(tmp, sent.sizeBytes, joinPath(dataset.repository, path)), {
      ...failed,
      stdin: `${renderRow(row)}\n`,
    });
    return `${formatBytes(sent.sizeBytes)}, sha256 ${sent.sha256.slice(0, 12)}…`;
  },
};

export const artifactId = (spec: DatasetSpec, label: Label): ActionId =>
  actionId("artifact", spec.name, label);

/**
 * Never before what it builds on, whatever a clock is set to; and rather too late than too early, since an object in
 * the bucket that is older than the artifact of its name is looked at more closely.
 */
export const madeAt = (times: readonly Date[]): string =>
  new Date(Math.max(...times.map((time) => time.getTime()))).toISOString();

function makeArtifact(
  { spec, cloud, facts, course }: View,
  { label, decision }: PendingLabel,
): Action<Input> {
  const parent = parentIn(decision);
  const ref = { dataset: spec.name, label, parent };
  const name = snapshotName(spec.name, label);
  const what = {
    anchor: `send ${name} whole, as an anchor`,
    increment: `send ${name} as an increment on ${parent}`,
    open: `send ${name}, as an increment on ${parent} or as an anchor`,
  }[decision.kind];
  const snapshot = facts.snapshots.kind === "known" ? facts.snapshots.value.entries.get(name) : undefined;
  return propose("artifact", spec, {
    id: artifactId(spec, label),
    host: spec.server,
    label,
    stage: "artifact",
    change: "create",
    summary: what,
    reason: decision.kind === "open" ? decision.because : `${decision.kind}: ${decision.because}`,
    details: [
      `${spec.workstation}: btrfs send | zstd -${spec.compressionLevel} | age  →  ${spec.server}: ${spec.repository}/${artifactPath(ref)}`,
      "size: (known after apply)",
    ],
    needs: [
      packagesId(spec.workstation),
      packagesId(spec.server),
      layoutId(spec, spec.server),
      recipientId(spec),
      snapshotId(spec, label),
      ...(parent === null ? [] : [artifactId(spec, parent)]),
    ],
    assumes: {
      snapshot: snapshot?.uuid ?? null,
      parent: decision.kind === "open" ? null : (parent ?? "none: an anchor"),
    },
    input: {
      dataset: spec,
      label,
      parent,
      objectKey: cloud === null ? null : objectKey(cloud.spec.prefix, ref),
      after: course.pending.findLast(({ made }) => made !== null)?.made?.ts ?? course.rows.at(-1)?.ts ?? null,
    },
  });
}

/**
 * The row goes first: a file below `artifacts/` that devbackup made can always be told from a stranger's. Where there
 * is no room even for that, the artifact goes again, and its room with it.
 */
export const finishScript = (tmp: AbsolutePath, sizeBytes: number, final: AbsolutePath): string =>
  `${sh`
t=${tmp} f=${final} r=${`${tmp}${ROW_SUFFIX}`} size=${sizeBytes}
`}${FINISH}`;

/** The same of `$t`, of `$size` bytes, which becomes `$f`, and its row, on stdin, `$r`. */
export const FINISH = `[ ! -e "$f" ] || { echo "$f is there already" >&2; exit 1; }
[ "$(stat -c %s -- "$t")" = "$size" ] || { echo "$t is not what was received" >&2; exit 1; }
trap '[ ! -e "$t" ] || rm -f -- "$r" "$t"' EXIT
umask 077
cat >"$r"; sync "$r"; sync "$(dirname -- "$r")"
mv -T -n -- "$t" "$f"; [ ! -e "$t" ]
sync "$(dirname -- "$f")"`;
