import { absent, known, unknown } from "../../src/domain/fact.ts";
import type { AgeRecipient } from "../../src/domain/names.ts";
import type { RecoveredFacts } from "../../src/reconcilers/facts.ts";
import { history } from "../domain/history.ts";
import { copy, source } from "./rows.ts";
import { type Case, HOME, SIGNER, SRV } from "./world.ts";

const RECIPIENT = `age1${"q".repeat(58)}` as AgeRecipient;
type Change = NonNullable<Case["change"]>;
/** What a recovery identity brings to light, where the bucket has a manifest of these rows. */
export const recovered = (rows: string): RecoveredFacts => ({
  escrowFrom: "the bucket",
  recipient: RECIPIENT,
  signer: SIGNER,
  fingerprint: "SHA256:abc",
  manifest: history(rows),
});
/** A server with a new root and an empty disk. */
export const SERVER_WIPED: Change = {
  serverLayout: known({ place: SRV, present: new Map() }),
  key: known({ rights: null, derived: null, published: null }),
  signKey: known({ rights: null, derived: null, published: null }),
  manifest: absent,
  stateEnv: absent,
  store: absent,
  hydrated: absent,
  pushedManifest: absent,
  workingCopy: known({
    ...copy,
    kind: "absent",
    uuid: null,
    parentUuid: null,
    noted: null,
    formerBeside: false,
  }),
};
/** A workstation with an empty disk. */
export const WORKSTATION_WIPED: Change = {
  workstationLayout: known({ place: HOME, present: new Map() }),
  recipient: absent,
  snapshots: absent,
  source: known({ ...source, kind: "absent", empty: false, uuid: null, parentUuid: null }),
};
/** The workstation, where it has no part in it. */
export const NOT_ASKED: Change = {
  workstationLayout: unknown("it was not asked"),
  recipient: unknown("it was not asked"),
  snapshots: unknown("it was not asked"),
  source: unknown("it was not asked"),
};
