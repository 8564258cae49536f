import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { absent, type Fact, known } from "../../domain/fact.ts";
import type { AbsolutePath, HostName } from "../../domain/names.ts";
import type { Action, Warning } from "../../plan/plan.ts";
import type { BucketObject } from "../../transport/bucket/object.ts";
import { sh } from "../../transport/quote.ts";
import { warning } from "../answer.ts";
import type { Probe } from "../probe.ts";

/** What the server noted when it last put something into the bucket that is replaced from time to time. */
export interface Pushed {
  /** Of what it was made from: the manifest before it was encrypted, say. */
  readonly sha256: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

const NOTE = /^([0-9a-f]{64}) (\d+) (\S+)\n$/;

export const pushedProbe = (host: HostName, note: AbsolutePath): Probe<Pushed> => ({
  host,
  script: sh`if [ -e ${note} ]; then cat -- ${note}; fi`,
  parse: (stdout) => {
    const [, sha256, size, etag] = NOTE.exec(stdout) ?? [];
    return sha256 === undefined || etag === undefined
      ? absent
      : known({ sha256, etag, sizeBytes: Number(size) });
  },
});

/** A note that could not be read: whose the object in the bucket is can't be told, and it is left alone. */
export const unreadNote = (spec: DatasetSpec, what: string, notes: readonly Fact<Pushed>[]): Warning[] =>
  notes.flatMap((note) =>
    note.kind === "unknown"
      ? [
          {
            ...warning(
              "note-unread",
              spec,
              spec.server,
              `${what} is not sent: what was last sent there could not be read: ${note.why}`,
            ),
            hides: "cloud",
          },
        ]
      : [],
  );

/** Whether the object is the one that was noted. */
export const isNoted = (noted: Pushed | null, object: BucketObject): boolean =>
  noted !== null && noted.etag === object.etag && noted.sizeBytes === object.sizeBytes;

/** Why `sha256` has to be sent; null where the object was made from it. */
export function whyPush(
  sha256: string,
  noted: Pushed | null,
  object: BucketObject | undefined,
): string | null {
  if (object === undefined) return "it is not in the bucket yet";
  if (noted?.sha256 !== sha256) return "it has changed since it was last sent";
  return isNoted(noted, object) ? null : "what is there is not what was sent";
}

/**
 * Of an action that would replace what this repository has not sent. Left undone, the bucket has no word of what comes
 * after: a schedule has to notice.
 */
export const replacing = (anothers: boolean): Partial<Pick<Action, "hazard" | "exitCode">> =>
  anothers ? { hazard: "destructive", exitCode: 6 } : {};
