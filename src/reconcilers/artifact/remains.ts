import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { ARTIFACT_SUFFIX } from "../../domain/artifact.ts";
import { joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";

/** Behind the name of an artifact while `manifest import` copies it. */
export const IMPORT_SUFFIX = ".import";

/** Prints what artifacts take that were cut off on their way here, for a probe; {@link readRemains} reads it. */
export const remainsProbe = (spec: DatasetSpec): string => sh`
for f in ${begunIn(spec)}*${ARTIFACT_SUFFIX}; do
  [ ! -f "$f" ] || echo "remains $(stat -c %s -- "$f")"
done`;

/** In bytes. */
export const readRemains = (stdout: string): number =>
  [...stdout.matchAll(/^remains (\d+)$/gm)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);

/**
 * Removes what runs that were cut off have begun in `tmp/`, whatever its label and parent: nobody goes on with it. An
 * artifact that waits for its place in the manifest is none of it: that lies below `artifacts/`, and here is only its
 * row. A row (`rowSuffix`) goes before its artifact, so that none is ever left alone.
 */
export const clearRemains = (spec: DatasetSpec, rowSuffix: string): string => sh`
for f in ${begunIn(spec)}*${ARTIFACT_SUFFIX} ${begunIn(spec)}*${ARTIFACT_SUFFIX}${IMPORT_SUFFIX}; do
  [ -f "$f" ] || continue
  for a in ${`${spec.repository}/artifacts/`}*/"$(basename -- "$f")"; do [ -e "$a" ] || rm -f -- "$f"${rowSuffix}; done
  rm -f -- "$f"
done`;

/** What the paths of all of it begin with; a name of a dataset means nothing to sh. */
const begunIn = ({ repository, name }: DatasetSpec): string => joinPath(repository, "tmp", `${name}@`);
