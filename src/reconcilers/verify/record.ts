import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { absent, type Fact, known } from "../../domain/fact.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { type AbsolutePath, fileName, joinPath } from "../../domain/names.ts";
import {
  NEVER_VERIFIED,
  parseRecord,
  renderRecord,
  type VerificationRecord,
} from "../../domain/verification.ts";
import type { BucketObject } from "../../transport/bucket/object.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { logsFolder } from "../machine/journal.ts";
import { tmpFile } from "../manifest/store.ts";
import type { Probe } from "../probe.ts";
import { expectSuccess, type Failure, replaceFile } from "../run-script.ts";

/** What is known of verifications. */
export interface VerifiedFacts {
  readonly record: VerificationRecord;
  /** By the artifact's file name: the object that was found not to be it. */
  readonly damagedObjects: ReadonlyMap<string, ObjectMark>;
}

/** That an object was found not to be the artifact that its key names. Void once another object is there. */
export interface ObjectMark {
  readonly etag: string;
  /** By the bucket's clock: the same bytes sent once more can have the same ETag. */
  readonly lastModified: string;
  /** `sha256`: its bytes were hashed, and are damaged. `note`: it says of itself that it is another artifact. */
  readonly by: "sha256" | "note";
  /** What was found in place of the artifact's SHA-256. */
  readonly found: string;
}

export const recordFile = (spec: DatasetSpec): AbsolutePath => joinPath(logsFolder(spec), "verified.tsv");

/** Beside nothing else: the object of an artifact of this name is another. */
const OBJECT_SUFFIX = ".object-damaged";

export const objectMarkFile = (spec: DatasetSpec, row: Pick<ManifestRow, "localPath">): AbsolutePath =>
  tmpFile(spec, fileName(row.localPath) + OBJECT_SUFFIX);

export const verifiedProbe = (spec: DatasetSpec): Probe<VerifiedFacts> => ({
  host: spec.server,
  script: sh`
[ -d ${spec.repository} ] || { echo absent; exit 0; }
for m in ${joinPath(spec.repository, "tmp")}/*${OBJECT_SUFFIX}; do
  [ -f "$m" ] || continue
  # one that can't be read is not one that is not there
  said=$(head -n 1 -- "$m") || exit 1
  printf 'object %s %s\n' "$(basename -- "$m" ${OBJECT_SUFFIX})" "$said"
done
echo record
[ ! -e ${recordFile(spec)} ] || cat -- ${recordFile(spec)}`,
  parse: parseVerified,
});

function parseVerified(stdout: string): Fact<VerifiedFacts> {
  if (stdout === "absent\n") return absent;
  const [, marks = "", record = ""] = /^([\s\S]*?^)record\n([\s\S]*)$/m.exec(stdout) ?? [];
  const objects = marks.matchAll(/^object (\S+) (\S+) (\S+) (sha256|note) (\S+)$/gm);
  return known({
    record: record === "" ? NEVER_VERIFIED : parseRecord(record),
    damagedObjects: new Map(
      [...objects].map(([, file = "", etag = "", lastModified = "", by, found = ""]) => [
        file,
        { etag, lastModified, by: by === "note" ? "note" : "sha256", found },
      ]),
    ),
  });
}

/**
 * What was found instead of the artifact of `row`, where `object` is the very one that was looked at. A mark that says the
 * row's own hash condemns nothing: it was compared with another row's.
 */
export function markOf(
  verified: Fact<VerifiedFacts>,
  { localPath, sha256 }: Pick<ManifestRow, "localPath" | "sha256">,
  object: BucketObject,
): ObjectMark | undefined {
  const mark = verified.kind === "known" ? verified.value.damagedObjects.get(fileName(localPath)) : undefined;
  const same = mark?.etag === object.etag && mark.lastModified === object.lastModified.toISOString();
  return same && mark.found !== sha256 ? mark : undefined;
}

const failure: Failure = {
  code: "verify-failed",
  what: "what was verified could not be noted",
  next: "devbackup verify",
};

export const writeRecord = (host: Host, spec: DatasetSpec, record: VerificationRecord): Promise<unknown> =>
  expectSuccess(host, `umask 077${replaceFile(recordFile(spec))}`, {
    ...failure,
    stdin: renderRecord(record),
  });

/** Has the next plan know that the object is not the artifact that `file`, of {@link objectMarkFile}, is named after. */
export const markObject = (
  host: Host,
  file: AbsolutePath,
  { etag, lastModified }: BucketObject,
  { by, found }: Pick<ObjectMark, "by" | "found">,
): Promise<unknown> =>
  expectSuccess(host, `umask 077${replaceFile(file)}`, {
    ...failure,
    stdin: `${etag} ${lastModified.toISOString()} ${by} ${found}\n`,
  });
