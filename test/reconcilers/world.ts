import type { DatasetSpec, DesiredState, RetentionSpec } from "../../src/desired-state/desired-state.ts";
import { checkDesiredState } from "../../src/desired-state/load.ts";
import { absent, type Fact, known, unknown } from "../../src/domain/fact.ts";
import { type Manifest, renderStateEnv } from "../../src/domain/manifest.ts";
import type { Memory } from "../../src/domain/memory.ts";
import type { AgeRecipient, HostName, Sha256, Signer } from "../../src/domain/names.ts";
import { NEVER_VERIFIED } from "../../src/domain/verification.ts";
import type { Plan, Stage } from "../../src/plan/plan.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import type { BucketFacts, DatasetFacts, Observation, RecoveredFacts } from "../../src/reconcilers/facts.ts";
import { escrowFingerprint } from "../../src/reconcilers/keys/escrow-files.ts";
import { repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import type { Place } from "../../src/reconcilers/machine/place.ts";
import type { SystemFacts } from "../../src/reconcilers/machine/system.ts";
import type { Request, RestoreRequest } from "../../src/reconcilers/request.ts";
import type { Subvolume, SubvolumeFolder } from "../../src/reconcilers/snapshot/subvolumes.ts";
import { history, label } from "../domain/history.ts";

const YAML = `
version: 1
hosts:
  ws: {role: workstation, connection: local}
  ls: {role: server, connection: ssh, address: ls.lan, user: root}
datasets:
  dev:
    path: /home/dev/code
    snapshots: /home/dev/snapshots
    owner: dev
    repository: /srv/dev
    working_copy: /srv/work
    retention: {workstation_snapshots: all, server_snapshots: all}
encryption: {recovery_recipients: [age1${"q".repeat(58)}]}
`;
const CLOUD = `
cloud:
  endpoint: http://127.0.0.1:9000
  bucket: dev-backups
  access_key_id: {env: A}
  secret_access_key: {env: B}
`;

export function desired(withCloud = true): DesiredState {
  const loaded = checkDesiredState(YAML + (withCloud ? CLOUD : ""), { file: "world.yaml", home: "/root" });
  if (loaded.kind === "invalid") throw new Error(loaded.problems.map(({ wrong }) => wrong).join("; "));
  return loaded.desired;
}

const WRITABLE = { fsType: "btrfs", freeBytes: 1e9, sizeBytes: 1.5e9, readOnly: false, quota: null };
const HOME: Place = { ...WRITABLE, fsUuid: "home" };
const SRV: Place = { ...WRITABLE, fsUuid: "srv" };
/** Of the manifest. */
export const M1 = "11".repeat(32) as Sha256;
/** Of the escrow, and of the keys in it. */
export const E1 = "e1".repeat(32) as Sha256;
export const KEYS = "cc".repeat(32) as Sha256;
const RECIPIENT = `age1${"q".repeat(58)}` as AgeRecipient;
export const SIGNER = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}` as Signer;
const TOOLS = new Set(["btrfs", "zstd", "age", "openssl", "curl", "flock", "ssh-keygen"]);

const subvolume = (uuid: string, more: Partial<Subvolume> = {}): Subvolume => ({
  uuid,
  parentUuid: null,
  receivedUuid: null,
  readOnly: true,
  generation: 10,
  createdGeneration: 10,
  receiving: false,
  ...more,
});

const folder = (
  place: Place,
  entries: readonly (readonly [string, Subvolume | null])[],
): Fact<SubvolumeFolder> => known({ place, entries: new Map(entries) });

/** Snapshots `dev@LABEL` on the workstation, with the UUID `ws-LABEL`. */
export const taken = (...labels: string[]): Fact<SubvolumeFolder> =>
  folder(
    HOME,
    labels.map((at) => [`dev@${at}`, subvolume(`ws-${at}`, { parentUuid: "source" })] as const),
  );

/** The same received on the server. */
export const received = (...labels: string[]): Fact<SubvolumeFolder> =>
  folder(
    SRV,
    labels.map((at) => [`dev@${at}`, subvolume(`ls-${at}`, { receivedUuid: `ws-${at}` })] as const),
  );

export { folder, HOME, known, SRV, subvolume, unknown };

/** By a controller that is here for the first time, but for what it has seen. */
export const remembered = (seen: Partial<Memory> = {}): Fact<Memory> =>
  known({
    signer: null,
    newest: null,
    escrowSha256: E1,
    folder: "/root/.local/state/devbackup/dev",
    ...seen,
  });

/** Everything as it should be after the backups that `text` tells, for tests to break something of. */
export function settled(text: string, withCloud = true): { facts: DatasetFacts; bucket: Fact<BucketFacts> } {
  const rows = history(text).map((row) => (withCloud ? row : { ...row, objectKey: null }));
  const labels = rows.map((row) => row.label);
  const newest = labels.at(-1);
  const spec = desired(withCloud).datasets[0] as DatasetSpec;
  const folders = repositoryFolders(spec).map(({ path, mode }) => [path, `${mode} 0 0`] as const);
  const facts: DatasetFacts = {
    source: known({
      place: HOME,
      kind: "subvolume",
      empty: false,
      uuid: "source",
      parentUuid: null,
      written: true,
      ownerExists: true,
      mountPoint: false,
      holes: [],
      swapFiles: [],
      copyBeside: false,
      originalBeside: false,
    }),
    snapshots: taken(...labels),
    workstationLayout: known({
      place: HOME,
      present: new Map([
        [spec.snapshots, "755 0 0"],
        ["/etc/devbackup", "755 0 0"],
      ]),
    }),
    recipient: known(RECIPIENT),
    serverLayout: known({ place: SRV, present: new Map(folders) }),
    key: known({ rights: "400 0", derived: RECIPIENT, published: RECIPIENT }),
    manifest:
      rows.length === 0
        ? absent
        : known({ sha256: M1, reading: { kind: "valid", rows }, signature: "good", signatureSha256: M1 }),
    stateEnv: rows.length === 0 ? absent : known(renderStateEnv(spec.name, rows)),
    store: known({
      files: filesOf(rows),
      made: [],
      begunUploads: new Map(),
      fetched: new Map(),
      damaged: new Map(),
    }),
    hydrated: received(...labels),
    workingCopy: known({
      place: SRV,
      kind: newest === undefined ? "absent" : "subvolume",
      uuid: newest === undefined ? null : "copy",
      parentUuid: newest === undefined ? null : `ls-${newest}`,
      noted: newest === undefined ? null : { uuid: "copy", label: newest },
      written: false,
      formerBeside: false,
      ownerId: "1000",
    }),
    workingCopyBase: absent,
    target: absent,
    extracted: absent,
    fingerprints: known(new Set(labels)),
    drills: known({ proofs: [], left: false }),
    pushedManifest: known({ sha256: M1, etag: "e", sizeBytes: 5 }),
    pushedSignature: known({ sha256: M1, etag: "e", sizeBytes: 5 }),
    escrow: known({
      keysSha256: KEYS,
      sha256: E1,
      rights: "440 0",
      madeAt: new Date("2026-01-01T00:00:00Z"),
      noted: { sha256: E1, fingerprint: escrowFingerprint(KEYS, [RECIPIENT]) },
      tested: { at: new Date("2026-01-01T00:00:00Z"), sha256: E1 },
    }),
    pushedEscrow: known({ sha256: E1, etag: "e", sizeBytes: 7 }),
    verified: known({ record: NEVER_VERIFIED, damagedObjects: new Map() }),
    journal: absent,
    lacking: known(new Map()),
    workstationHooks: known(new Map()),
    serverHooks: known(new Map()),
    signKey: known({ rights: "400 0", derived: SIGNER, published: SIGNER }),
  };
  const object = (key: string, sizeBytes: number) =>
    [key, { key, sizeBytes, etag: "e", lastModified: new Date(0) }] as const;
  const objects = new Map(rows.map((row) => object(row.objectKey ?? "", row.sizeBytes)));
  for (const end of ["age", "sig"])
    if (rows.length > 0) objects.set(...object(`dev/manifests/snapshots_v2.tsv.${end}`, 5));
  objects.set(...object("dev/keys/escrow.age", 7));
  return { facts, bucket: known({ objects, unfinished: known([]) }) };
}

export const filesOf = (rows: Manifest): Map<string, number> =>
  new Map(rows.map((row) => [row.localPath, row.sizeBytes]));

export interface Case {
  readonly rows: string;
  readonly target: string;
  readonly change?: Partial<DatasetFacts>;
  readonly bucket?: Fact<BucketFacts>;
  readonly cloud?: boolean;
  readonly labelled?: boolean;
  /** Over what keeps everything. */
  readonly retention?: Partial<RetentionSpec>;
  readonly stages?: readonly Stage[];
  readonly host?: string;
  readonly restore?: RestoreRequest;
  readonly recovered?: Fact<RecoveredFacts>;
  /** Declared. */
  readonly signer?: Signer;
  readonly memory?: Fact<Memory>;
  readonly tools?: ReadonlySet<string>;
  readonly distribution?: readonly string[];
  readonly system?: Fact<SystemFacts>;
}

/** A settled world with something changed about it, and what is asked of it. */
export function lookAt({
  rows,
  target,
  change,
  bucket,
  cloud = true,
  labelled = true,
  retention,
  stages,
  host,
  restore,
  recovered = absent,
  signer,
  memory = remembered(),
  tools = TOOLS,
  distribution = ["debian"],
  system,
}: Case): { desired: DesiredState; observed: Observation; request: Request } {
  const world = settled(rows, cloud);
  const declared = desired(cloud);
  const [first] = declared.datasets as [DatasetSpec];
  const spec: DatasetSpec = { ...first, retention: { ...first.retention, ...retention } };
  const signers = new Map(signer === undefined ? [] : [[spec.name, signer] as const]);
  const state = { ...declared, datasets: [spec], ...(signer !== undefined && { signers }) };
  const takenAt = new Date("2026-06-01T00:00:00Z");
  const both = system ?? known({ epochSeconds: takenAt.getTime() / 1000, distribution, tools });
  return {
    desired: state,
    observed: {
      takenAt,
      systems: new Map([
        ["ws" as HostName, both],
        ["ls" as HostName, both],
      ]),
      datasets: new Map([[spec.name, { ...world.facts, ...change }]]),
      buckets: cloud ? new Map([[spec.name, bucket ?? world.bucket]]) : null,
      recovered: new Map([[spec.name, recovered]]),
      memory: new Map([[spec.name, memory]]),
    },
    request: {
      labels: new Map([[spec.name, label(target)]]),
      labelled,
      restore: restore ?? null,
      selection: { host: (host as HostName | undefined) ?? null, stages: stages ?? null },
    },
  };
}

/** The plan for it. */
export function planOf(given: Case): Plan {
  const { desired: state, observed, request } = lookAt(given);
  return planFrom(state, observed, request);
}
