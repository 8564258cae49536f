import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import {
  type Finding,
  lastVerified,
  type VerificationRecord,
  withDamage,
  withoutVerified,
  withVerified,
} from "../../domain/verification.ts";
import type { Host } from "../../transport/host.ts";
import type { Tools } from "../reconciler.ts";
import { checkArtifact, type Seen } from "./check-artifact.ts";
import { checkBytes, checkNote } from "./check-object.ts";
import { checkSnapshot } from "./check-snapshot.ts";
import { gently, watchRead } from "./gently.ts";
import { writeRecord } from "./record.ts";
import type { Thing } from "./things.ts";

/** One verification of some things of a dataset. */
export interface Verifying {
  readonly spec: DatasetSpec;
  readonly received: Seen["received"];
  /** In the order in which they are looked at. */
  readonly things: readonly Thing[];
  readonly record: VerificationRecord;
  /** What was verified since then is not looked at again; null for everything. */
  readonly since: Date | null;
  readonly tools: Tools;
  /** Hears of each as it is done, and of how many bytes of all. */
  readonly told?: (finding: Finding, thing: Thing) => void;
}

export interface VerifiedThings {
  readonly findings: readonly Finding[];
  readonly record: VerificationRecord;
  /** Sizes of what was read in this run: an object that was asked for its note has none, a snapshot that of its artifacts. */
  readonly checkedBytes: number;
}

/** What a run that is killed has to do again, at most, besides what it was at. */
const WRITE_EVERY_MS = 1000;
/** Objects that are asked for their notes at once. */
const AT_ONCE = 8;

/**
 * Looks at one thing after the other, and notes on the server what is as it should be: a run that is cut off is gone on
 * with. Damage leaves marks, so that the next plan knows, or is noted where no plan mends it; nothing else is changed.
 * @throws DevbackupError where a host or the bucket could not be asked; rejects with the signal's reason on abort
 */
export async function verifyThings(verifying: Verifying): Promise<VerifiedThings> {
  const { spec, things, since, tools, told } = verifying;
  let { record } = verifying;
  const server = tools.host(spec.server);
  const host = gently(server, spec);
  const totalBytes = bytesOf(things);
  const findings = things.flatMap((thing) => doneBefore(record, thing, since) ?? []);
  const left = things.filter((thing) => doneBefore(record, thing, since) === null);
  const leftBytes = bytesOf(left);
  let doneBytes = totalBytes - leftBytes;
  let writtenAt = tools.now().getTime();
  const settle = async (thing: Thing, { state, why, streamUuid, asRegistered }: Result): Promise<void> => {
    const at = tools.now();
    const { place, label, identity, check } = thing;
    if (state === "ok") record = withVerified(record, { place, label, identity, check, at, streamUuid });
    else if (asRegistered && why !== null)
      record = withDamage(record, { place, label, identity, check, at, why });
    else if (state !== "not-checked") record = withoutVerified(record, thing);
    const finding = {
      place,
      label,
      check,
      state,
      why,
      at: state === "ok" ? at : null,
      ...(asRegistered && { asRegistered }),
    };
    findings.push(finding);
    doneBytes += readBytes(thing);
    tools.progress(doneBytes, totalBytes);
    told?.(finding, thing);
    if (at.getTime() - writtenAt < WRITE_EVERY_MS) return;
    await writeRecord(server, spec, record);
    writtenAt = tools.now().getTime();
  };
  const noted = left.filter(({ check }) => check === "note");
  for (let from = 0; from < noted.length; from += AT_ONCE) {
    tools.signal.throwIfAborted();
    const some = noted.slice(from, from + AT_ONCE);
    const results = await Promise.all(some.map((thing) => look(host, verifying, record, thing)));
    for (const [index, thing] of some.entries()) await settle(thing, results[index] ?? NOT_LOOKED_AT);
  }
  for (const thing of left.filter(({ check }) => check !== "note")) {
    tools.signal.throwIfAborted();
    tools.assertHeld();
    const unwatch = watchRead(server, spec, (bytes) =>
      tools.progress(doneBytes + Math.min(bytes, thing.sizeBytes), totalBytes),
    );
    await settle(thing, await look(host, verifying, record, thing).finally(unwatch));
  }
  await writeRecord(server, spec, record);
  return { findings, record, checkedBytes: leftBytes };
}

/** Of a note nothing of the object is read. */
const readBytes = ({ check, sizeBytes }: Thing): number => (check === "note" ? 0 : sizeBytes);
const bytesOf = (things: readonly Thing[]): number =>
  things.reduce((sum, thing) => sum + readBytes(thing), 0);

/** That it was verified since then, as closely; null where it was not. */
function doneBefore(record: VerificationRecord, thing: Thing, since: Date | null): Finding | null {
  const { place, label, check, isMarked = false } = thing;
  const last = lastVerified(record, thing, check);
  if (last === null || since === null || last.at < since || isMarked) return null;
  return { place, label, check, state: "ok", at: last.at, why: null };
}

interface Result extends Pick<Finding, "state" | "why" | "asRegistered"> {
  readonly streamUuid: string | null;
}

const NOT_LOOKED_AT: Result = { state: "not-checked", why: null, streamUuid: null };

const asResult = (
  found: Pick<Finding, "why" | "asRegistered">,
  streamUuid: string | null = null,
): Result => ({ ...found, state: found.why === null ? "ok" : "damaged", streamUuid });

async function look(
  host: Host,
  { spec, received, tools }: Verifying,
  record: VerificationRecord,
  thing: Thing,
): Promise<Result> {
  const { signal } = tools;
  try {
    switch (thing.check) {
      case "hash":
      case "deep": {
        const found = await checkArtifact(host, spec, thing, { record, received }, signal);
        return asResult(found, found.streamUuid);
      }
      case "files":
      case "fingerprint":
        return asResult(await checkSnapshot(host, spec, thing, signal));
      case "note":
      case "download": {
        const bucket = await tools.bucket();
        const found =
          thing.check === "note"
            ? await checkNote(host, bucket, spec, thing)
            : await checkBytes(host, bucket, spec, thing, signal);
        // of this very object all bytes were seen once
        const known = found.kind === "unnoted" && lastVerified(record, thing, "download") !== null;
        return found.kind === "ok" || known
          ? asResult({ why: null })
          : {
              state: found.kind === "damaged" || found.kind === "missing" ? found.kind : "not-checked",
              why: found.why,
              streamUuid: null,
            };
      }
    }
  } catch (error) {
    // one that could not be read says nothing of the others
    if (!(error instanceof DevbackupError) || !UNREAD.has(error.trouble.code)) throw error;
    const { what, why } = error.trouble;
    return { state: "not-checked", why: why === undefined ? what : `${what}: ${why}`, streamUuid: null };
  }
}

const UNREAD = new Set(["artifact-unread", "verify-failed", "hash-broken"]);
