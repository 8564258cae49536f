import assert from "node:assert/strict";
import { test } from "node:test";
import { absent, known, unknown } from "../../src/domain/fact.ts";
import type { AgeRecipient, Sha256, Signer } from "../../src/domain/names.ts";
import { firstDrift } from "../../src/plan/drift.ts";
import type { ActionId } from "../../src/plan/plan.ts";
import type { SignatureState } from "../../src/reconcilers/keys/signature.ts";
import { history, label } from "../domain/history.ts";
import { facts, monthOf, rec, THREE, testRows, without } from "./rows.ts";
import { E1, KEYS, M1, planOf, remembered, SIGNER } from "./world.ts";

const signature = (state: SignatureState, signatureSha256: Sha256 | null = M1) => {
  const reading = { kind: "valid" as const, rows: history(THREE) };
  return known({ sha256: M1, reading, signature: state, signatureSha256 });
};
const NO_KEY = known({ rights: null, derived: null, published: null });
const OTHER = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"B".repeat(43)}` as Signer;
const OTHER_SUM = "22".repeat(32) as Sha256;
const escrow = facts.escrow.kind === "known" ? facts.escrow.value : undefined;
const withEscrow = (more: Partial<NonNullable<typeof escrow>>) =>
  known({ ...(escrow as NonNullable<typeof escrow>), ...more });
const seen = (at: string) => ({ label: label(at), ts: "2026-01-01T00:00:00Z", manifestSha256: M1 });
const ESCROW = ["escrow:dev", "escrow-copy:dev", "upload-escrow:dev"];

testRows([
  {
    name: "age is not installed on the server: nothing is said against an identity that nobody can look into",
    target: "2026-03",
    tools: new Set(["btrfs", "zstd", "openssl", "curl", "flock", "ssh-keygen"]),
    change: { key: known({ rights: "400 0", derived: null, published: rec() }) },
    actions: ["packages:ws", "packages:ls"],
  },
  // the sign key
  {
    name: "a fresh server gets its sign key before anything is registered",
    rows: "",
    target: "2026-01",
    change: { signKey: NO_KEY },
    actions: ["sign-key:dev", ...monthOf("2026-01")],
  },
  {
    name: "a repository from before there were signatures: the key is made, the manifest signed, without a question",
    target: "2026-03",
    change: { signKey: NO_KEY, manifest: signature("missing"), pushedSignature: absent },
    bucket: known({
      objects: without("dev/manifests/snapshots_v2.tsv.sig"),
      unfinished: known([]),
    }),
    actions: ["sign-key:dev", "manifest:dev", "upload-manifest:dev"],
    says: {
      "manifest:dev": /not signed yet/,
      "upload-manifest:dev": /its signature: it is not in the bucket/,
    },
  },
  {
    name: "the same, once its key is made",
    target: "2026-03",
    change: { manifest: signature("unsigned") },
    actions: ["manifest:dev"],
  },
  {
    name: "the sign key can be read by others",
    target: "2026-03",
    change: { signKey: known({ rights: "644 0", derived: null, published: SIGNER }) },
    actions: ["sign-key:dev"],
    says: { "sign-key:dev": /644 0, not 400 0/ },
  },
  {
    name: "the public half beside it is another's",
    target: "2026-03",
    change: { signKey: known({ rights: "400 0", derived: SIGNER, published: OTHER }) },
    actions: ["sign-key:dev"],
  },
  {
    name: "the sign key is gone, its public half is there",
    change: { signKey: known({ rights: null, derived: null, published: SIGNER }) },
    problems: ["sign-key-lost"],
  },
  {
    name: "the sign key is gone with its public half, a signature is there",
    change: { signKey: NO_KEY, manifest: signature("unknown") },
    problems: ["sign-key-lost"],
  },
  {
    name: "both halves and the signature are gone, and this controller remembers a signer",
    change: { signKey: NO_KEY, manifest: signature("missing") },
    memory: remembered({ signer: SIGNER }),
    problems: ["sign-key-lost"],
  },
  {
    name: "the sign key could not be looked at",
    change: { signKey: unknown("the probe was cut off") },
    problems: ["unknown-state"],
  },
  // the signature
  {
    name: "the manifest is not the one that was signed: only the snapshot does not wait",
    change: { manifest: signature("wrong") },
    actions: ["sign:dev", ...monthOf("2026-04")],
    hazards: { "sign:dev": "destructive" },
    says: { "sign:dev": /not the one that the server signed; it is still the one that was last sent/ },
  },
  {
    name: "the same, and the bucket has another one",
    target: "2026-03",
    change: {
      manifest: signature("wrong"),
      pushedManifest: known({ sha256: OTHER_SUM, etag: "e", sizeBytes: 5 }),
    },
    actions: ["sign:dev", "upload-manifest:dev"],
    hazards: { "sign:dev": "destructive" },
    says: { "sign:dev": /changed since: another one was last sent to the bucket/ },
  },
  {
    name: "the signature is gone, and there is a key",
    target: "2026-03",
    change: { manifest: signature("missing"), pushedManifest: absent },
    memory: remembered({ signer: SIGNER, newest: { ...seen("2026-03"), manifestSha256: OTHER_SUM } }),
    cloud: false,
    warnings: ["no-cloud"],
    actions: ["sign:dev"],
    hazards: { "sign:dev": "destructive" },
    says: { "sign:dev": /its signature is gone; it was changed since: another one was last seen by this/ },
  },
  {
    name: "the same, and the manifest is the very one that this controller has last seen with a good signature",
    target: "2026-03",
    change: { manifest: signature("missing"), pushedManifest: absent },
    memory: remembered({ signer: SIGNER, newest: seen("2026-03") }),
    cloud: false,
    warnings: ["no-cloud"],
    actions: ["sign:dev"],
    says: {
      "sign:dev": /its signature is gone; it is, to the byte, the one that this machine has last seen/,
    },
  },
  {
    name: "signed by another key since it was sent: whoever has the new escrow needs the new signature",
    target: "2026-03",
    change: { manifest: signature("good", OTHER_SUM) },
    actions: ["upload-manifest:dev"],
    says: { "upload-manifest:dev": /its signature: it has changed since it was last sent/ },
  },
  {
    name: "the key was changed, and the manifest is still to be signed by the new one",
    target: "2026-03",
    change: { manifest: signature("wrong") },
    actions: ["sign:dev", "upload-manifest:dev"],
    hazards: { "sign:dev": "destructive" },
  },
  {
    name: "a write was cut off before its last step",
    target: "2026-03",
    change: { manifest: signature("ahead") },
    actions: ["manifest:dev"],
    says: { "manifest:dev": /cut off before its last step/ },
  },
  {
    name: "no ssh-keygen to check it with yet",
    target: "2026-03",
    change: { manifest: signature("unknown") },
    tools: new Set(["btrfs", "zstd", "age", "openssl", "curl", "flock"]),
    actions: ["packages:ls"],
  },
  // what was seen before
  {
    name: "the signer is the one that was seen before, and the declared one",
    target: "2026-03",
    memory: remembered({ signer: SIGNER, newest: seen("2026-03") }),
    signer: SIGNER,
  },
  {
    name: "another signer than the one that was seen before",
    memory: remembered({ signer: OTHER }),
    problems: ["signer-changed"],
  },
  { name: "another signer than the declared one", signer: OTHER, problems: ["signer-changed"] },
  {
    name: "what is declared goes before what was seen",
    target: "2026-03",
    memory: remembered({ signer: OTHER }),
    signer: SIGNER,
  },
  {
    name: "an older manifest than the newest that was seen",
    memory: remembered({ signer: SIGNER, newest: seen("2026-04") }),
    problems: ["manifest-rolled-back"],
  },
  {
    name: "none at all, and one was seen",
    rows: "",
    target: "2026-05",
    memory: remembered({ signer: SIGNER, newest: seen("2026-04") }),
    problems: ["manifest-rolled-back"],
  },
  {
    name: "what was seen before cannot be read",
    memory: unknown("/x/seen.json is damaged"),
    problems: ["memory-unreadable"],
  },
  // the escrow
  {
    name: "no escrow yet",
    target: "2026-03",
    change: {
      escrow: withEscrow({ sha256: null, rights: null, madeAt: null, noted: null, tested: null }),
      pushedEscrow: absent,
    },
    memory: remembered({ escrowSha256: null }),
    bucket: known({ objects: without("dev/keys/escrow.age"), unfinished: known([]) }),
    actions: ESCROW,
    warnings: ["no-escrow"],
    says: { "escrow:dev": /none yet/, "escrow-copy:dev": /none here yet/ },
  },
  {
    name: "made for other keys or recipients: made anew, everywhere",
    target: "2026-03",
    change: { escrow: withEscrow({ keysSha256: OTHER_SUM }) },
    actions: ESCROW,
    warnings: ["no-escrow"],
    says: { "escrow:dev": /other keys or other recipients/ },
  },
  {
    name: "another one stands there than was made",
    target: "2026-03",
    change: { escrow: withEscrow({ sha256: OTHER_SUM }) },
    actions: ESCROW,
    warnings: ["no-escrow"],
  },
  {
    name: "the escrow can be read by others",
    target: "2026-03",
    change: { escrow: withEscrow({ rights: "644 0" }) },
    actions: ESCROW,
    warnings: ["no-escrow"],
    says: { "escrow:dev": /644 0, not 440 0/ },
  },
  {
    name: "the copies alone are missing",
    target: "2026-03",
    memory: remembered({ escrowSha256: null }),
    bucket: known({ objects: without("dev/keys/escrow.age"), unfinished: known([]) }),
    actions: ["escrow-copy:dev", "upload-escrow:dev"],
  },
  {
    name: "the copy here is another",
    target: "2026-03",
    memory: remembered({ escrowSha256: OTHER_SUM }),
    actions: ["escrow-copy:dev"],
  },
  {
    name: "what is in the bucket is not what was sent",
    target: "2026-03",
    change: { pushedEscrow: known({ sha256: E1, etag: "other", sizeBytes: 7 }) },
    actions: ["upload-escrow:dev"],
    says: { "upload-escrow:dev": /not what was sent/ },
  },
  {
    name: "the bucket's escrow was not sent from this repository: it may open older artifacts",
    target: "2026-03",
    change: { pushedEscrow: absent },
    actions: ["upload-escrow:dev"],
    hazards: { "upload-escrow:dev": "destructive" },
  },
  {
    name: "never tested",
    target: "2026-03",
    change: { escrow: withEscrow({ tested: null }) },
    warnings: ["escrow-untested"],
  },
  {
    name: "tested, but not since it was made anew",
    target: "2026-03",
    change: { escrow: withEscrow({ tested: { at: new Date("2026-05-01"), sha256: KEYS } }) },
    warnings: ["escrow-untested"],
  },
  {
    name: "tested more than a year ago",
    target: "2026-03",
    change: { escrow: withEscrow({ tested: { at: new Date("2025-05-31"), sha256: E1 } }) },
    warnings: ["escrow-untested"],
  },
  {
    name: "tested less than a year ago",
    target: "2026-03",
    change: { escrow: withEscrow({ tested: { at: new Date("2025-06-02"), sha256: E1 } }) },
  },
  {
    name: "the escrow could not be looked at",
    change: { escrow: unknown("the probe was cut off") },
    problems: ["unknown-state"],
  },
]);

test("what rests on a manifest in doubt waits for its signature, and what is planned on a good one no longer fits", () => {
  const of = (state: SignatureState) =>
    planOf({ rows: THREE, target: "2026-04", change: { manifest: signature(state) } });
  const waiting = of("wrong").actions.filter(({ needs }) => needs.some((id) => id === "sign:dev"));
  assert.deepEqual(
    of("wrong")
      .actions.filter((action) => !waiting.includes(action) && !waiting.some(({ id }) => id === action.id))
      .map(({ id }) => id),
    ["snapshot:dev@2026-04", "sign:dev"],
  );
  const drift = firstDrift(of("good"), of("wrong"), { saved: true });
  assert.match(drift?.why ?? "", /manifestAuthentic was true/);
  assert.equal(
    firstDrift(of("wrong"), of("good"), { saved: true })?.action.id,
    "sign:dev",
    "signed meanwhile: nothing else drifts",
  );
});

test("an escrow of an identity that opens none of the artifacts waits until somebody wants that", () => {
  const { actions } = planOf({
    rows: THREE,
    target: "2026-03",
    change: { recipient: known("age1other" as AgeRecipient), escrow: withEscrow({ keysSha256: OTHER_SUM }) },
  });
  assert.ok(actions.find(({ id }) => id === "escrow:dev")?.needs.includes("recipient:dev" as ActionId));
});

test("where an older escrow stands elsewhere, its absence on the server is no cause for alarm", () => {
  const gone = withEscrow({ sha256: null, rights: null, madeAt: null, noted: null, tested: null });
  const warned = (escrowSha256: Sha256 | null, bucket?: ReturnType<typeof without>) =>
    planOf({
      rows: THREE,
      target: "2026-03",
      change: { escrow: gone, pushedEscrow: absent },
      memory: remembered({ escrowSha256 }),
      ...(bucket && { bucket: known({ objects: bucket, unfinished: known([]) }) }),
    }).warnings.map(({ text }) => text);
  assert.match(warned(E1)[0] ?? "", /an older one stands on this machine and in the bucket/);
  assert.match(warned(null, without("dev/keys/escrow.age"))[0] ?? "", /nothing opens the artifacts/);
});
