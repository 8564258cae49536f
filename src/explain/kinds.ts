import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { Path } from "../desired-state/schema.ts";
import type { Action } from "../plan/plan.ts";
import type { FactName } from "./found.ts";

/** What a kind of action is for, who asks for it, and what it follows from. */
export interface KindWords {
  /** Reads on from `such an action`. */
  readonly does: string;
  /** The keys of the desired state that ask for it, the nearest first. */
  readonly asks: (spec: DatasetSpec, action: Action) => readonly Path[];
  /** Of what its diff reads, by itself or in the course of its dataset, what decides. */
  readonly follows: readonly FactName[];
}

const of =
  (...keys: readonly (string | readonly string[])[]) =>
  ({ name }: DatasetSpec): readonly Path[] =>
    keys.map((key) => ["datasets", name, ...(typeof key === "string" ? [key] : key)]);
const top =
  (...paths: readonly Path[]) =>
  (): readonly Path[] =>
    paths;
const both =
  (...each: readonly KindWords["asks"][]): KindWords["asks"] =>
  (spec, action) =>
    each.flatMap((asks) => asks(spec, action));

const THE_BUCKET = top(["cloud", "bucket"]);
const THE_SCHEDULE = top(["schedule", "on"], ["schedule", "calendar"]);
const THE_RECIPIENTS = top(["encryption", "recovery_recipients"]);
const IN_REPOSITORY = of("repository");

/** By the name of their reconciler; every one of them stands here, which a test holds. */
export const KINDS: Readonly<Record<string, KindWords>> = {
  packages: {
    does: "installs the standard tools that a host lacks, with its own package manager; nothing of devbackup's",
    asks: (_, { host }) => [["hosts", host]],
    follows: ["tools"],
  },
  restrict: {
    does: "keeps a server's login to the scripts that a backup is made of, which sshd and sudo then hold it to",
    asks: (_, { host }) => [
      ["hosts", host, "restrict"],
      ["hosts", host, "public_key"],
    ],
    follows: ["restriction"],
  },
  "schedule-program": {
    does: "installs this very program, with the Node that runs it, on the host whose timer runs apply",
    asks: THE_SCHEDULE,
    follows: ["schedule"],
  },
  "schedule-key": {
    does: "makes the key with which the schedule's host reaches the other hosts; its private half never leaves it",
    asks: THE_SCHEDULE,
    follows: ["schedule"],
  },
  "schedule-login": {
    does: "lets the schedule's host in on another one: a line in a user's authorized_keys",
    asks: both(THE_SCHEDULE, (_, { host }) => [["hosts", host]]),
    follows: ["schedule"],
  },
  schedule: {
    does: "writes the timer that runs apply by itself, the desired state that it reads, and its secrets as systemd credentials",
    asks: THE_SCHEDULE,
    follows: ["schedule"],
  },
  unschedule: {
    does: "takes a schedule away that is no longer declared there, with all that came with it",
    asks: THE_SCHEDULE,
    follows: ["schedule"],
  },
  scripts: {
    does: "puts the scripts by which backups were made before devbackup where they are looked for, or takes them away",
    asks: top(["scripts"]),
    follows: ["scripts"],
  },
  layout: {
    does: "makes the folders of a dataset on one host, and sets their owners and modes right",
    asks: (spec, { host }) => (host === spec.server ? IN_REPOSITORY : of("snapshots"))(spec),
    follows: ["workstationLayout", "serverLayout"],
  },
  subvolume: {
    does: "makes the dataset a Btrfs subvolume, which alone can be snapshotted; a plain directory is copied into one, and kept",
    asks: of("path", "owner"),
    follows: ["source"],
  },
  key: {
    does: "makes, publishes or puts back the age identity that opens the artifacts; it never leaves the server but in escrow",
    asks: both(IN_REPOSITORY, THE_RECIPIENTS),
    follows: ["key", "recipient", "recovered"],
  },
  "sign-key": {
    does: "makes, publishes or puts back the key with which the server signs the manifest",
    asks: IN_REPOSITORY,
    follows: ["signKey", "recovered"],
  },
  escrow: {
    does: "encrypts the server's keys to the recovery recipients, so that they can be had again when the server is lost",
    asks: both(THE_RECIPIENTS, IN_REPOSITORY),
    follows: ["escrow", "signKey"],
  },
  "escrow-copy": {
    does: "keeps a copy of the escrow on this machine",
    asks: THE_RECIPIENTS,
    follows: ["escrow", "memory"],
  },
  "set-aside": {
    does: "moves a file that is no artifact of this repository out of the way; nothing is deleted",
    asks: IN_REPOSITORY,
    follows: ["store", "manifest"],
  },
  hooks: {
    does: "warns of hooks whose programs are missing, or could be changed by others; there is nothing to carry out",
    asks: of("hooks"),
    follows: ["workstationHooks", "serverHooks"],
  },
  snapshot: {
    does: "takes the read-only snapshot of one label, between the dataset's hooks",
    asks: of("path", "snapshots", "cadence"),
    follows: ["snapshots", "source"],
  },
  artifact: {
    does: "sends one label to the server, compressed and encrypted: all of it (an anchor), or what changed since its parent (an increment)",
    asks: of("path", "anchor", "repository"),
    follows: ["snapshots", "manifest", "store", "hydrated"],
  },
  sign: {
    does: "has the server sign the manifest as it stands",
    asks: both(IN_REPOSITORY, top(["encryption", "signers"])),
    follows: ["manifest", "memory", "pushedManifest"],
  },
  register: {
    does: "writes an artifact's row into the manifest, signs it, and derives state.env; a lost manifest is put back so, too",
    asks: IN_REPOSITORY,
    follows: ["manifest", "store", "stateEnv"],
  },
  fingerprint: {
    does: "notes what a snapshot holds on the workstation, path by path, for drills to compare with",
    asks: of("path", "repository"),
    follows: ["fingerprints", "snapshots"],
  },
  fetch: {
    does: "brings an artifact that the server lacks, or has damaged, back from the bucket, and checks its hash",
    asks: both(THE_BUCKET, IN_REPOSITORY),
    follows: ["store", "bucket", "manifest"],
  },
  "set-aside-snapshot": {
    does: "puts a damaged hydrated snapshot under another name, so that it can be received again",
    asks: IN_REPOSITORY,
    follows: ["hydrated", "verified"],
  },
  hydrate: {
    does: "receives an artifact as a snapshot on the server, after comparing its hash with the manifest's: the test that it restores",
    asks: IN_REPOSITORY,
    follows: ["hydrated", "manifest", "store"],
  },
  "working-copy": {
    does: "brings the writable copy on the server to the newest label; edits made there are kept as a snapshot first",
    asks: of("working_copy"),
    follows: ["workingCopy", "hydrated"],
  },
  drill: {
    does: "restores a label into scratch space on the server, and compares it with its fingerprint; or clears away what one left",
    asks: top(["drill", "every"]),
    follows: ["drills", "store"],
  },
  verify: {
    does: "checks a share of all that is kept, so that everything has its turn",
    asks: top(["verify", "share"]),
    follows: ["verified"],
  },
  "bucket-lock": {
    does: "compares how long the bucket locks objects with what is declared; there is nothing to carry out",
    asks: top(["cloud", "lock_days"]),
    follows: ["bucket"],
  },
  "abort-upload": {
    does: "gives up an upload that was begun and that nothing goes on with",
    asks: THE_BUCKET,
    follows: ["bucket", "store"],
  },
  upload: {
    does: "sends an artifact from the server to the bucket, after proving that it is what the manifest says",
    asks: THE_BUCKET,
    follows: ["bucket", "store", "manifest"],
  },
  "upload-manifest": {
    does: "sends the manifest, encrypted, and its signature to the bucket",
    asks: both(THE_BUCKET, THE_RECIPIENTS),
    follows: ["bucket", "pushedManifest", "pushedSignature", "manifest"],
  },
  "upload-escrow": {
    does: "sends the escrow to the bucket: the copy that a fire at home does not reach",
    asks: both(THE_BUCKET, THE_RECIPIENTS),
    follows: ["bucket", "pushedEscrow", "escrow"],
  },
  retention: {
    does: "deletes what a rule lets go, never the last copy of anything nor the parent of anything kept",
    asks: of("retention"),
    follows: ["snapshots", "hydrated", "store", "bucket"],
  },
  outlook: {
    does: "tells what a restore takes and what is in its way; there is nothing to carry out",
    asks: IN_REPOSITORY,
    follows: ["manifest", "hydrated", "store", "bucket"],
  },
  "trust-signer": {
    does: "has this machine believe a manifest's signer that it has not seen before",
    asks: top(["encryption", "signers"]),
    follows: ["memory", "recovered"],
  },
  extract: {
    does: "brings a label, or files out of it, into a folder beside what is there",
    asks: of("path"),
    follows: ["target", "hydrated", "lacking"],
  },
  receive: {
    does: "brings a snapshot from the server back to the workstation, where the next increment needs it as its parent",
    asks: of("snapshots"),
    follows: ["snapshots", "hydrated"],
  },
  worktree: {
    does: "puts the label where the dataset belongs; what stands there is kept",
    asks: of("path", "owner"),
    follows: ["source", "snapshots"],
  },
};
