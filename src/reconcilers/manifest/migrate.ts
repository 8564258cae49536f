import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { objectKey } from "../../domain/artifact.ts";
import { renderManifest } from "../../domain/manifest.ts";
import { type Matching, type Migration, matchFiles, migrate } from "../../domain/migrate.ts";
import { type AbsolutePath, joinPath, parseSha256, type Sha256 } from "../../domain/names.ts";
import { type OlderRow, parseOlderManifest } from "../../domain/older-manifest.ts";
import type { Finding } from "../../domain/rebuild.ts";
import { formatStamp, plural } from "../../domain/units.ts";
import type { Action, Problem } from "../../plan/plan.ts";
import { sha256Of } from "../../transport/hash.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, damage, propose } from "../answer.ts";
import { readArtifact } from "../artifact/read-artifact.ts";
import { keyId } from "../keys/keys.ts";
import { memoryProblems } from "../keys/memory.ts";
import { signKeyId } from "../keys/sign-key.ts";
import { layoutId } from "../machine/layout.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { olderFile, olderLeftOver } from "./older.ts";
import { manifestFile } from "./store.ts";
import { writeManifest } from "./write-manifest.ts";

/** What to type where an older tool's manifest is met. */
export const MIGRATE = "devbackup manifest migrate";

/** A manifest of an older tool, as it lies on the server. */
export interface OlderManifest {
  readonly file: AbsolutePath;
  /** Of the file, as it was read. */
  readonly sha256: Sha256;
  readonly rows: readonly OlderRow[];
}

/**
 * What keeps an older tool's manifest from taking the place of ours: what this machine has seen is not to be had back from
 * it, and one that was signed here, or is in the bucket, has rows that it never had.
 */
export function notToMigrate(view: View): Problem | undefined {
  const { spec, facts } = view;
  const leftOver = olderLeftOver(view);
  const { manifest } = facts;
  const refused =
    leftOver === null || (manifest.kind === "known" && manifest.value.reading.kind === "valid")
      ? []
      : [
          damage(
            manifest.kind === "absent" ? "manifest-lost" : "manifest-damaged",
            spec,
            spec.server,
            `${leftOver.file} is of an older tool, and no longer the manifest of ${spec.name}: ${leftOver.why}`,
            `devbackup plan --dataset ${spec.name} says what can take its place; from the artifacts: devbackup manifest rebuild --dataset ${spec.name}`,
          ),
        ];
  return [...memoryProblems(view), ...refused][0];
}

/** Reads it. Null where there is none, or what is there is no manifest. */
export async function readOlder(
  spec: DatasetSpec,
  file: AbsolutePath,
  tools: Tools,
): Promise<OlderManifest | null> {
  const { stdout } = await expectSuccess(
    tools.host(spec.server),
    sh`[ -f ${file} ] || exit 0; sha256sum <${file}; cat -- ${file}`,
    { code: "manifest-unreadable", what: `${file} could not be read`, state: "Nothing was changed" },
  );
  const rows = parseOlderManifest(stdout.slice(stdout.indexOf("\n") + 1), spec.name);
  const sha256 = parseSha256(stdout.slice(0, 64));
  return rows === null || sha256 === undefined ? null : { file, sha256, rows };
}

export const matchOnServer = ({ spec, facts }: View, { rows }: OlderManifest): Matching =>
  matchFiles(rows, facts.store.kind === "known" ? [...facts.store.value.files.keys()] : [], spec.name);

/** Reads the artifact of one row to its end. */
export async function readMatched(
  spec: DatasetSpec,
  { ref, path }: Matching["matched"][number],
  tools: Tools,
): Promise<Finding> {
  const file = joinPath(spec.repository, path);
  const read = await readArtifact(tools.host(spec.server), spec, file, tools.signal, MIGRATE);
  return { ref, place: "server", path, ...read };
}

export const migration = ({ cloud }: View, matching: Matching, findings: readonly Finding[]): Migration =>
  migrate(matching, findings, (ref) => (cloud === null ? null : objectKey(cloud.spec.prefix, ref)));

interface Input {
  readonly dataset: DatasetSpec;
  readonly migrated: Migration;
  readonly onSha256: string | null;
  readonly keepAs: string;
}

/** Null where the manifest that stands says the same already, or one was signed by now that is no older tool's. */
export function migrateAction(
  view: View,
  { file, sha256, rows }: OlderManifest,
  migrated: Migration,
): Action<Input> | null {
  const { spec, facts, takenAt, cloud } = view;
  const stands = facts.manifest.kind === "known" ? facts.manifest.value : null;
  if (olderFile(view) !== file || stands?.sha256 === sha256Of(renderManifest(migrated.rows))) return null;
  // of the very bytes that were read, where these are what stands there
  const onSha256 = file === manifestFile(spec) ? sha256 : (stands?.sha256 ?? null);
  const { leftOut, from } = migrated;
  const keepAs = formatStamp(takenAt);
  const moved = migrated.rows.filter((row) => from.get(row.label) !== row.localPath);
  const unseen = cloud?.bucket.kind === "unknown" ? cloud.bucket.why : null;
  return propose("migrate", spec, {
    id: actionId("migrate", spec.name),
    host: spec.server,
    stage: "register",
    change: stands === null ? "create" : "update",
    // what every row and its file agree on is signed as a first manifest is: without a question
    hazard: leftOut.length === 0 && unseen === null ? "none" : "destructive",
    summary: `write the manifest of ${spec.name} in this version, with ${plural(migrated.rows.length, "row")}, and sign it`,
    reason: `${file} is of an older tool: ${plural(rows.length, "row")}${leftOut.length === 0 ? ", and each agrees with its file" : `; ${leftOut.length} left out, as listed`}`,
    details: [
      ...(unseen === null
        ? []
        : [`whether the bucket holds one that was signed since can't be told: ${unseen}`]),
      file === manifestFile(spec)
        ? `what stands there is kept as ${file}.before-${keepAs}`
        : `${file} stays as it is`,
      ...moved
        .slice(0, 1)
        .map(
          (row) =>
            `moved to where they belong: ${plural(moved.length, "artifact")}, ${from.get(row.label)} to ${row.localPath}`,
        ),
    ],
    needs: [layoutId(spec, spec.server), keyId(spec), signKeyId(spec)],
    assumes: { manifest: onSha256 },
    input: { dataset: spec, migrated, onSha256, keepAs },
  });
}

/** The files first: a row never names one that is not there, and by its name each is found again wherever it lies. */
export async function runMigrate({ host: name, input }: Action<Input>, tools: Tools): Promise<string> {
  const { dataset, migrated, onSha256, keepAs } = input;
  const { rows, from } = migrated;
  const host = tools.host(name);
  tools.assertHeld();
  const at = (path: string): AbsolutePath => joinPath(dataset.repository, path);
  for (const row of rows) {
    const path = from.get(row.label) ?? row.localPath;
    if (path !== row.localPath)
      await expectSuccess(host, moveScript(at(path), at(row.localPath)), {
        code: "register-failed",
        what: `${path} could not be moved to ${row.localPath}`,
        next: MIGRATE,
      });
  }
  await writeManifest(host, dataset, { rows, settles: true, onSha256, keepAs, next: MIGRATE });
  return `${plural(rows.length, "row")}, the newest ${rows.at(-1)?.label ?? "none"}`;
}

const moveScript = (from: AbsolutePath, to: AbsolutePath): string => sh`
f=${from} t=${to}
[ ! -e "$t" ] || { echo "$t is there already" >&2; exit 1; }
mv -T -n -- "$f" "$t"; [ ! -e "$f" ]
sync "$(dirname -- "$t")"`;
