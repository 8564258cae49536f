import {
  asOf,
  type Finding,
  leastRecentFirst,
  NEVER_VERIFIED,
  onlyOf,
  resumedFrom,
  type VerificationRecord,
} from "../../domain/verification.ts";
import type { Tools } from "../reconciler.ts";
import type { View } from "../view.ts";
import { writeRecord } from "./record.ts";
import { type Closeness, receivedOf, type Thing, thingsOf } from "./things.ts";
import { verifyThings } from "./verify-things.ts";

/** What all of a dataset was found to be. */
export interface Verification {
  readonly findings: readonly Finding[];
  /** When the run began that this one has gone on with; null where it began anew. */
  readonly resumedFrom: Date | null;
  /** See {@link verifyThings}. */
  readonly checkedBytes: number;
}

export const recordOf = ({ facts, takenAt }: Pick<View, "facts" | "takenAt">): VerificationRecord =>
  facts.verified.kind === "known" ? asOf(facts.verified.value.record, takenAt) : NEVER_VERIFIED;

/**
 * Looks at everything that is registered, wherever it is kept, what was not looked at for longest first; goes on with a
 * run that was cut off, unless it is to begin `anew`. See {@link verifyThings}.
 */
export async function verifyDataset(
  view: View,
  closeness: Closeness,
  anew: boolean,
  tools: Tools,
  told: (finding: Finding, thing: Thing) => void,
): Promise<Verification> {
  const { spec } = view;
  const host = tools.host(spec.server);
  const { things, findings } = thingsOf(view, closeness);
  const before = recordOf(view);
  const since = anew ? null : resumedFrom(before, tools.now());
  const record = { ...before, begunAt: since ?? tools.now() };
  await writeRecord(host, spec, record);
  const verified = await verifyThings({
    spec,
    record,
    since,
    tools,
    told,
    received: receivedOf(view),
    things: leastRecentFirst(record, things, view.takenAt),
  });
  await writeRecord(host, spec, { ...onlyOf(verified.record, things), begunAt: null });
  return {
    findings: [...findings, ...verified.findings],
    resumedFrom: since,
    checkedBytes: verified.checkedBytes,
  };
}
