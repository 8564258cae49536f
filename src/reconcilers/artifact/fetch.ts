import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import { chainOf } from "../../domain/lineage.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, joinPath, type Sha256 } from "../../domain/names.ts";
import { formatBytes } from "../../domain/units.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose } from "../answer.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestId } from "../manifest/register.ts";
import { asideFolder, FETCHED_SUFFIX, tmpFile } from "../manifest/store.ts";
import { labelsToReceive } from "../receive/to-receive.ts";
import type { Reconciler } from "../reconciler.ts";
import { wantedIn } from "../retention/wanted.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { cloudKey, sourceOf } from "./copies.ts";

interface Input {
  readonly key: string;
  readonly file: AbsolutePath;
  readonly tmp: AbsolutePath;
  readonly aside: AbsolutePath;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
}

/**
 * Registered artifacts that the server has lost, out of the bucket: what a restore needs, else whatever is missing and not
 * let go.
 */
export const fetch: Reconciler<Input> = {
  kind: "fetch",
  diff: (view) => {
    const needed = rowsToReceive(view).filter((row) => sourceOf(row, view) === "bucket");
    const older =
      view.restore === null
        ? view.course.rows
            .filter(wantedIn(view, "server"))
            .filter((row) => !needed.includes(row) && sourceOf(row, view) === "bucket")
        : [];
    return {
      actions: [
        ...needed.map((row) => fetchAction(view, row, "artifact")),
        ...older.map((row) => fetchAction(view, row, "cloud")),
      ],
    };
  },
  run: async (action, tools) => {
    const { key, file, tmp, aside, sizeBytes, sha256 } = action.input;
    const host = tools.host(action.host);
    const bucket = await tools.bucket();
    await bucket.download(host, {
      key,
      file: tmp,
      sizeBytes,
      sha256,
      signal: tools.signal,
      onProgress: (bytes) => tools.progress(bytes, sizeBytes),
    });
    tools.assertHeld();
    await expectSuccess(host, intoRepositoryScript(tmp, file, aside), {
      code: "fetch-failed",
      what: `${fileName(file)} could not be put into the store`,
    });
    return `${formatBytes(sizeBytes)}, its hash the manifest's`;
  },
};

/** Where an artifact comes to from the bucket: what an earlier fetch of any kind left there is gone on with. */
export const tmpOfFetched = (spec: DatasetSpec, { path }: { readonly path: string }): AbsolutePath =>
  tmpFile(spec, `${fileName(path)}${FETCHED_SUFFIX}`);

export const fetchId = (spec: DatasetSpec, label: Label): ActionId => actionId("fetch", spec.name, label);

/** The rows of {@link labelsToReceive}; pending labels have none yet. */
const rowsToReceive = (view: View): ManifestRow[] => {
  const wanted = new Set(labelsToReceive(view));
  return view.course.rows.filter(({ label }) => wanted.has(label));
};

/** Of an artifact that the bucket has, whoever needs it, and whether or not a rule has let it go. */
export function fetchAction(view: View, row: ManifestRow, stage: "artifact" | "cloud"): Action<Input> {
  const { spec, facts, cloud, course } = view;
  if (cloud === null) throw new RangeError("no cloud is declared");
  const there = facts.store.kind === "known" ? facts.store.value.files.get(row.localPath) : undefined;
  const anchor = chainOf(course.rows, row.label)?.[0]?.label;
  const part = row.parent === null ? "the anchor" : `an increment on ${row.parent}, of the anchor ${anchor}`;
  return propose("fetch", spec, {
    id: fetchId(spec, row.label),
    host: spec.server,
    label: row.label,
    stage,
    change: there === undefined ? "create" : "update",
    summary: `fetch the artifact of ${snapshotName(spec.name, row.label)} from the bucket, ${formatBytes(row.sizeBytes)}`,
    reason:
      there === undefined
        ? `${part}: ${spec.server} does not have it`
        : `${part}: the file on ${spec.server} is damaged, and is moved into tmp/set-aside`,
    details: [cloudKey(cloud.spec, spec, row)],
    needs: [packagesId(spec.server), layoutId(spec, spec.server), manifestId(spec)],
    assumes: { sha256: row.sha256 },
    input: {
      key: cloudKey(cloud.spec, spec, row),
      file: joinPath(spec.repository, row.localPath),
      tmp: tmpOfFetched(spec, { path: row.localPath }),
      aside: asideFolder(spec),
      sizeBytes: row.sizeBytes,
      sha256: row.sha256,
    },
  });
}

/**
 * Gives what lies in `tmp`, proven to be the artifact, its name in the store. What was there under that name is not
 * the artifact: kept in `aside`, under a name that says when it was found.
 */
export const intoRepositoryScript = (
  tmp: AbsolutePath,
  file: AbsolutePath,
  aside: AbsolutePath,
): string => sh`
t=${tmp} f=${file} d=${aside}
if [ -e "$f" ]; then
  mkdir -p "$d"
  mv -T -n -- "$f" "$d/$(basename -- "$f").$(date -u +%Y%m%dT%H%M%SZ)"; [ ! -e "$f" ]
fi
chown root:root "$t"; chmod 440 "$t"; sync "$t"
mv -T -n -- "$t" "$f"; [ ! -e "$t" ]
sync "$(dirname -- "$f")"`;
