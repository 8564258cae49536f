import { formatBytes, plural } from "../domain/units.ts";
import type { Action } from "../plan/plan.ts";
import type { DatasetFacts } from "../reconcilers/facts.ts";
import type { View } from "../reconcilers/view.ts";
import type { Found } from "./explanation.ts";
import { folders, hooks, inWords, names, pair, room, STANDING, sent, subvolumes } from "./facts-in-words.ts";

/** Everything that an action can follow from: what was asked about its dataset, and what is about more than one. */
export type FactName =
  | keyof DatasetFacts
  | "tools"
  | "restriction"
  | "schedule"
  | "scripts"
  | "bucket"
  | "memory"
  | "recovered";

/** One fact in a few words, as it was when the plan was made. */
export const foundOf = (name: FactName, view: View, action: Action): Found => WORDS[name](view, action);

const WORDS: { readonly [Name in FactName]: (view: View, action: Action) => Found } = {
  source: ({ spec, facts }) => ({
    what: `${spec.path} on ${spec.workstation}`,
    is: inWords(
      facts.source,
      ({ kind, empty, place }) => `${STANDING[kind]}${empty ? ", empty" : ""}; ${room(place)}`,
    ),
  }),
  snapshots: ({ spec, facts }) => ({
    what: `${spec.snapshots} on ${spec.workstation}`,
    is: inWords(facts.snapshots, subvolumes),
  }),
  workstationLayout: ({ spec, facts }) => ({
    what: `folders on ${spec.workstation}`,
    is: inWords(facts.workstationLayout, ({ present }) => folders(present)),
  }),
  recipient: ({ spec, facts }) => ({
    what: `public half of the key on ${spec.workstation}`,
    is: inWords(facts.recipient, (recipient) => recipient.replaceAll("\n", "; ")),
  }),
  serverLayout: ({ spec, facts }) => ({
    what: `folders on ${spec.server}`,
    is: inWords(facts.serverLayout, ({ present, place }) => `${folders(present)}; ${room(place)}`),
  }),
  key: ({ spec, facts }) => ({ what: `age identity on ${spec.server}`, is: inWords(facts.key, pair) }),
  signKey: ({ spec, facts }) => ({ what: `sign key on ${spec.server}`, is: inWords(facts.signKey, pair) }),
  manifest: ({ spec, facts }) => ({
    what: `manifest on ${spec.server}`,
    is: inWords(facts.manifest, ({ reading, signature }) =>
      reading.kind === "damaged"
        ? `damaged in line ${reading.line}: ${reading.why}`
        : `${names(reading.rows.map(({ label }) => label))}; its signature is ${signature}`,
    ),
  }),
  stateEnv: ({ spec, facts }) => ({
    what: `state.env on ${spec.server}`,
    is: inWords(facts.stateEnv, () => "it is there"),
  }),
  store: ({ spec, facts }) => ({
    what: `artifacts on ${spec.server}`,
    is: inWords(facts.store, ({ files, made, damaged }) =>
      [
        files.size === 0
          ? "none"
          : `${files.size}, ${formatBytes([...files.values()].reduce((sum, size) => sum + size, 0))}`,
        ...(made.length > 0 ? [`of ${names(made.map(({ label }) => label))} a row waits`] : []),
        ...(damaged.size > 0 ? [`${damaged.size} found damaged`] : []),
      ].join("; "),
    ),
  }),
  hydrated: ({ spec, facts }) => ({
    what: `hydrated snapshots on ${spec.server}`,
    is: inWords(facts.hydrated, subvolumes),
  }),
  workingCopy: ({ spec, facts }) => ({
    what: `${spec.workingCopy ?? "working copy"} on ${spec.server}`,
    is: inWords(
      facts.workingCopy,
      ({ kind, noted }) => `${STANDING[kind]}${noted === null ? "" : `, of ${noted.label}`}`,
    ),
  }),
  workingCopyBase: ({ spec, facts }) => ({
    what: `what the working copy was made from, on ${spec.server}`,
    is: inWords(facts.workingCopyBase, subvolumes),
  }),
  target: ({ restore, spec, facts }) => ({
    what: `${restore?.to?.folder ?? "the folder"} on ${restore?.to?.host ?? spec.workstation}`,
    is: inWords(facts.target, ({ kind }) => STANDING[kind]),
  }),
  extracted: ({ spec, facts }) => ({
    what: `what was last brought out of ${spec.name}`,
    is: inWords(facts.extracted, () => "it is noted"),
  }),
  lacking: ({ spec, facts }) => ({
    what: `paths that the label lacks, on ${spec.server}`,
    is: inWords(facts.lacking, ({ size }) => (size === 0 ? "none" : String(size))),
  }),
  pushedManifest: ({ facts }) => ({
    what: "manifest last sent to the bucket",
    is: inWords(facts.pushedManifest, sent),
  }),
  pushedSignature: ({ facts }) => ({
    what: "signature last sent to the bucket",
    is: inWords(facts.pushedSignature, sent),
  }),
  pushedEscrow: ({ facts }) => ({
    what: "escrow last sent to the bucket",
    is: inWords(facts.pushedEscrow, sent),
  }),
  escrow: ({ spec, facts }) => ({
    what: `escrow on ${spec.server}`,
    is: inWords(facts.escrow, ({ sha256, madeAt, tested }) =>
      sha256 === null
        ? "there is none"
        : `made on ${madeAt?.toISOString().slice(0, 10) ?? "an unknown day"}, ${tested?.sha256 === sha256 ? "tested" : "not tested"}`,
    ),
  }),
  verified: ({ spec, facts }) => ({
    what: `record of what was verified on ${spec.server}`,
    is: inWords(
      facts.verified,
      ({ record: { verified, damage }, damagedObjects }) =>
        `${plural(verified.size, "thing")} checked, ${damage.size + damagedObjects.size} damaged or missing`,
    ),
  }),
  fingerprints: ({ spec, facts }) => ({
    what: `fingerprints on ${spec.server}`,
    is: inWords(facts.fingerprints, (labels) => names([...labels].sort())),
  }),
  drills: ({ spec, facts }) => ({
    what: `drills on ${spec.server}`,
    is: inWords(facts.drills, ({ proofs, left }) => {
      const last = proofs.at(-1);
      const said =
        last === undefined
          ? "none yet"
          : `the last on ${last.at.toISOString().slice(0, 10)}, of ${last.label}: ${last.result}`;
      return left ? `${said}; one has left something behind` : said;
    }),
  }),
  journal: ({ spec, facts }) => ({
    what: `journal on ${spec.server}`,
    is: inWords(facts.journal, (runs) => plural(runs.length, "run")),
  }),
  workstationHooks: ({ spec, facts }) => ({
    what: `programs of hooks on ${spec.workstation}`,
    is: inWords(facts.workstationHooks, hooks),
  }),
  serverHooks: ({ spec, facts }) => ({
    what: `programs of hooks on ${spec.server}`,
    is: inWords(facts.serverHooks, hooks),
  }),
  tools: ({ systems }, { host }) => ({
    what: `tools on ${host}`,
    is: inWords(
      systems.get(host) ?? { kind: "absent" },
      ({ tools, distribution }) =>
        `${[...tools].sort().join(", ") || "none of those needed"} (${distribution[0] ?? "an unknown system"})`,
    ),
  }),
  restriction: ({ restrictions }, { host }) => {
    const looked = restrictions?.get(host);
    return {
      what: `what the login of ${host} is kept to`,
      is:
        looked === undefined
          ? "not looked at"
          : inWords(
              looked.there,
              ({ files, login }) =>
                `${plural(files.size, "file")}, ${login === null ? "no such login" : "the login is there"}`,
            ),
    };
  },
  schedule: ({ schedule }, { host }) => {
    const there = schedule?.there.get(host);
    return {
      what: `schedule on ${host}`,
      is:
        there === undefined
          ? "not looked at"
          : inWords(
              there,
              ({ units, timer, current }) =>
                `${units.length === 0 ? "no units" : `timer ${timer.trim()}`}, program ${current ?? "none"}`,
            ),
    };
  },
  scripts: ({ scripts }, { host }) => {
    const there = scripts?.get(host);
    return {
      what: `scripts on ${host}`,
      is:
        there === undefined
          ? "not looked at"
          : inWords(
              there,
              ({ files, ours }) =>
                `${plural(ours.size, "script")} of devbackup's, ${files.size - ours.size} of others`,
            ),
    };
  },
  bucket: ({ cloud }) => ({
    what: cloud === null ? "bucket" : `bucket ${cloud.spec.bucket}`,
    is:
      cloud === null
        ? "none is declared"
        : inWords(cloud.bucket, ({ objects }) => plural(objects.size, "object")),
  }),
  memory: ({ memory }) => ({
    what: "seen by this machine before",
    is: inWords(memory, ({ signer, newest, escrowSha256 }) =>
      [
        signer === null ? "no signer yet" : "a signer",
        newest === null ? "no label" : `labels up to ${newest.label}`,
        escrowSha256 === null ? "no copy of the escrow" : "a copy of the escrow",
      ].join(", "),
    ),
  }),
  recovered: ({ recovered }) => ({
    what: "opened with the recovery identity",
    is: inWords(
      recovered,
      ({ escrowFrom, fingerprint, manifest }) =>
        `the escrow of ${escrowFrom}, signer ${fingerprint}${manifest === null ? "" : `, a manifest up to ${manifest.at(-1)?.label ?? "nothing"}`}`,
    ),
  }),
};
