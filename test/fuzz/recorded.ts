import { readFileSync } from "node:fs";
import { join } from "node:path";
import { renderManifest, renderRow } from "../../src/domain/manifest.ts";
import { renderSavedPlan } from "../../src/plan/saved.ts";
import { printUploadState } from "../../src/transport/bucket/upload-state.ts";
import { history } from "../domain/history.ts";
import { planOf, SIGNER } from "../reconcilers/world.ts";
import { printSentPart } from "../transport/bucket/sent-part.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

export const ROWS = history("2026-01 full 1000, 2026-02 incr 10, 2026-03 incr 20, 2026-04 full 900");
const HEX = "ab".repeat(32);
const RECIPIENT = `age1${"q".repeat(58)}`;

export const STATES = [
  // each of them said, and soon
  `version: 1\n${"version: 1\n".repeat(2500)}`,
  read("desired-state/devbackup.yaml"),
  read("examples/one-machine-two-disks/devbackup.yaml"),
  read("examples/any-s3-store/devbackup.yaml"),
];

export const TOMLS = [
  `[paths]
dataset = "/home/chuck/code"
snapshots = '/home/chuck/snapshots'
ls_root = "/srv/btrfs-backups/dev" # of one dataset

[cloud]
endpoint = "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com"
bucket = "dev-backups"
access_key = "AKID"
secret_key = """
abc
def"""
`,
  `remote = { ls_host = "backup.lan", ls_user = "chuck" }
paths.dataset = "/data/code"
paths.snapshots = "/data/snapshots"
paths.ls_root = "/srv/dev"
crypto.age_private_key_path = "/root/key"
retries = [1, 2.5, true, 1979-05-27T07:32:00Z]
`,
];

export const MANIFESTS = [renderManifest(ROWS), renderManifest(ROWS.slice(0, 1)), renderManifest([])];

export const OLDER_MANIFESTS = [
  `ts\tlbel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key\n${ROWS.map(
    ({ ts, label, parent, sizeBytes, sha256, localPath }) =>
      `${ts}\t${label}\t${parent === null ? "anchor" : "incremental"}\t${parent ?? ""}\t${sizeBytes}\t${sha256}\t/srv/dev/${localPath}\t`,
  ).join("\n")}\n`,
  "# by hand\r\nlabel\ttype\r\n\r\n2026-01\tfull \r\n2026-02\tincr\r\n",
];

const PLACE = "place btrfs 6d1f-aa /sub /srv\nroom  1000000000   8000000000\nreal /srv/dev\n";
const LISTED =
  "ID 258 gen 12 cgen 10 parent 5 top level 5 parent_uuid - received_uuid 11-aa uuid 22-bb path sub/dev/dev@2026-01\nro ID 258 gen 12 top level 5 path sub/dev/dev@2026-01\n";
const FOLDER = `${PLACE}entry 256 d dev@2026-01\nentry 300 d dev@2026-02\nmark 22-bb dev@2026-01\n${LISTED}`;
const PUSHED = `${HEX} 5 "e"\n`;

/** What the probes of a machine printed, by the fact that it becomes; `absent` and the like are reached by edits. */
export const PROBED: Readonly<Record<string, readonly string[]>> = {
  system: [
    "time 1767225600\ndistribution debian \ntool btrfs\ntool zstd\ntool age\ntool openssl\ntool curl\ntool flock\ntool ssh-keygen\n",
  ],
  source: [
    `${PLACE}owner\nkind subvolume\nuuid 22-bb\nparent -\ngeneration 12\ncreated 10\nhole sub/dev/x\n`,
    `${PLACE}owner\nkind directory\nempty\nmount-point\nswap /srv/dev/swap\nbeside sub/dev/x\n`,
  ],
  snapshots: [FOLDER],
  workstationLayout: [`${PLACE}folder 755 0 0 /home/dev/snapshots\nfolder 755 0 0 /etc/devbackup\n`],
  recipient: [`${RECIPIENT}\n`],
  serverLayout: [`${PLACE}folder 750 0 0 /srv/dev\nother /srv/dev/tmp\n`],
  key: [`rights 400 0\nderived ${RECIPIENT}\npublished ${RECIPIENT}\n`],
  manifest: [`good ${HEX}  - ${HEX}\n${renderManifest(ROWS)}`, `missing ${HEX}  - \n${renderManifest([])}`],
  stateEnv: ["DATASET=dev\nLATEST_LABEL=2026-04\n"],
  store: [
    [
      ...ROWS.map((row) => `file ${row.sizeBytes} ${row.localPath}`),
      ...ROWS.map((row) => `row ${renderRow(row)}`),
      "upload tmp/x.upload\n| devbackup upload 1\n| upload abc",
      "fetched 12 dev@2026-01.full.send.zst.age",
      `damaged ${HEX} artifacts/anchors/dev@2026-01.full.send.zst.age\n`,
    ].join("\n"),
  ],
  hydrated: [FOLDER],
  workingCopy: [
    `${PLACE}owner 1000\nformer\nnoted 22-bb 2026-01\nuuid 22-bb\nparent 33-cc\ngeneration 1\ncreated 1\nkind subvolume\n`,
    "none\n",
  ],
  workingCopyBase: ["absent\n", FOLDER],
  target: [`${PLACE}other 12:256\nbeside\n`, "none\n"],
  verified: [
    `object dev@2026-01.full.send.zst.age e1 2026-01-01T00:00:00.000Z sha256 ${"ef".repeat(32)}
record
ts\tplace\tlabel\tcheck\tidentity\tstream_uuid\tdamage
2026-03-01T00:00:00.000Z\trun\t-\t-\t-\t-
2026-02-01T00:00:00.000Z\tshare\t2026-01\t-\t-\t-
2026-02-01T00:00:00.000Z\tserver\t2026-01\tdeep\t${"ab".repeat(32)}\t22-bb
2026-02-01T00:00:00.000Z\thydrated\t2026-01\tfingerprint\t22-bb\t-\t1 path not as backed up: changed ./a
`,
  ],
  fingerprints: ["dev@2026-01\ndev@2026-02\n", ""],
  drills: [
    'left\n{"at":"2026-03-31T04:00:00.000Z","label":"2026-03","result":"same","durationMs":4200,"tree":{"files":7,"bytes":70},"artifacts":{"count":3,"bytes":50},"why":[]}\n',
    "clear\n",
  ],
  lacking: ["lacks 0 dev@2026-01\n", ""],
  workstationHooks: ["before_snapshot missing\nafter_snapshot open\n", ""],
  serverHooks: ["after_apply open\n", ""],
  extracted: [`2026-01 ${HEX} 12:256\n`],
  pushedManifest: [PUSHED],
  pushedSignature: [PUSHED],
  signKey: [`rights 400 0\nderived ${SIGNER}\npublished ${SIGNER} devbackup dev\n`],
  escrow: [
    `escrow ${HEX} 440 0 1767225600\nnoted ${HEX} ${HEX}\ntested 2026-01-01T00:00:00Z ${HEX}\nkeys ${HEX}\n`,
  ],
  pushedEscrow: [PUSHED],
  journal: [
    '{"ts":"2026-03-01T03:00:00.000Z","who":"chuck@ws","pid":7,"dataset":"dev","event":"apply-started","actions":["a"]}\n{"ts":"2026-03-01T03:00:09.000Z","who":"chuck@ws","pid":7,"dataset":"dev","event":"action","id":"a","summary":"s","result":"done","durationMs":900,"outcome":null}\n{"ts":"2026-03-01T03:01:00.000Z","who":"chuck@ws","pid":7,"dataset":"dev","event":"apply-finished","result":"done","durationMs":60000}\n',
  ],
};

const NONCE = "0123456789abcdef";
export const MERGED = {
  nonce: NONCE,
  outputs: [
    `some\nlines\n${NONCE} 0 0\nmore\n${NONCE} 1 3\n${NONCE} 2 0\n`,
    // a number that nobody may count up to
    `more\n${NONCE} 1234567892 0\n`,
  ],
};

export const PLANS = [
  renderSavedPlan({
    kind: "devbackup-plan",
    formatVersion: 1,
    desiredSha256: HEX,
    labelled: true,
    selection: { host: null, stages: ["snapshot", "artifact"] },
    restore: { label: "latest", to: null },
    plan: planOf({ rows: "2026-01 full 100, 2026-02 incr 10", target: "2026-03" }),
  }),
];

export const SEEN = [
  `${JSON.stringify({ formatVersion: 1, signer: SIGNER, newest: { label: "2026-03", ts: "2026-03-01T00:00:00.000Z", manifestSha256: HEX } }, null, 2)}\n`,
  '{"formatVersion": 1, "signer": null, "newest": null}\n',
];

const BUCKET = "dev-backups";
const XML = '<?xml version="1.0" encoding="UTF-8"?>';
const object = (key: string) =>
  `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"0123abc"</ETag><Size>1000</Size><StorageClass>STANDARD</StorageClass></Contents>`;
export const LISTINGS = [
  `${XML}<ListBucketResult><Name>${BUCKET}</Name><Prefix>dev/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>${object("dev/artifacts/anchors/x")}${object("dev/manifests/snapshots_v2.tsv")}</ListBucketResult>`,
  `${XML}<ListBucketResult><Name>${BUCKET}</Name><IsTruncated>true</IsTruncated><NextContinuationToken>abc=</NextContinuationToken>${object("dev/a &amp; b")}</ListBucketResult>`,
];
export const UNFINISHED = [
  `${XML}<ListMultipartUploadsResult><Bucket>${BUCKET}</Bucket><IsTruncated>false</IsTruncated><Upload><Key>dev/artifacts/incr/x</Key><UploadId>abc-1</UploadId><Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>`,
  `${XML}<ListMultipartUploadsResult><Bucket>${BUCKET}</Bucket><IsTruncated>true</IsTruncated><NextKeyMarker>dev/x</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>`,
];

const ERROR =
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>';
const HEAD = `HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\nContent-Range: bytes 0-1/2\r\nETag: "x"\r\n\r\n${ERROR}`;
export const PUT_ANSWERS = [
  `md5 ${"A".repeat(22)}==\ncurl 0\nstatus 200\netag 0123abc\nHTTP/1.1 200 OK\r\n\r\n`,
  `md5 ${"A".repeat(22)}==\ncurl 22\nstatus 503\netag \n${HEAD}\n`,
];
export const GET_ANSWERS = [
  "HTTP/1.1 206 Partial Content\r\n\r\n\nstatus 206\nstored 0\ncurl 0\nsize 1000\n",
  `${HEAD}\nstatus 503\nstored \ncurl 0\nsize 12\n`,
];

export const UPLOADS = [
  `${printUploadState({ store: "http://127.0.0.1:9000/b", key: "dev/artifacts/anchors/x", uploadId: "abc", sizeBytes: 100, sha256: HEX as never, partSizeBytes: 10 })}${printSentPart({ number: 1, etag: "e", md5: `${"A".repeat(22)}==` })}`,
];

const key = (name: string, lines: readonly string[]) => [`file ${name}`, ...lines.map((line) => `| ${line}`)];
export const ESCROWS = [
  [
    ...["devbackup-escrow 1", "dataset dev", "made 2026-01-01T00:00:00Z"],
    ...key("ls_dev_backup.key", ["# created: 2026", `AGE-SECRET-KEY-1${"Q".repeat(58)}`]),
    ...key("ls_dev_sign.key", ["-----BEGIN OPENSSH PRIVATE KEY-----", "b3BlbnNzaA==", "-----END"]),
    ...key("ls_dev_sign.pub", [`${SIGNER} devbackup dev`]),
    "end\n",
  ].join("\n"),
];

export const IDENTITIES = [
  `# created: 2026-01-01\n# public key: ${RECIPIENT}\nAGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n`,
  "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBhYmMgMTgKYWJjCi0tLSBhYmMK\n-----END AGE ENCRYPTED FILE-----\n",
  "age-encryption.org/v1\n-> scrypt abcdefgh 18\nabc\n--- abc\n",
];

export const SSH_ANSWERS = [
  [
    ...["host ls", "user chuck", "hostname backup.lan", "port 22", "addressfamily inet", "identitiesonly no"],
    ...[
      "connecttimeout none",
      "serveralivecountmax 3",
      "serveraliveinterval 0",
      "identityfile ~/.ssh/id_ed25519",
    ],
    ...[
      "userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2",
      "globalknownhostsfile /etc/ssh/ssh_known_hosts",
    ],
    ...["identityagent SSH_AUTH_SOCK", "proxyjump none", "proxycommand nc %h %p", "hostkeyalias %d/%i", ""],
  ].join("\n"),
];

export const KNOWN_HOSTS = [
  `# Host backup.lan found: line 3 \nbackup.lan ${SIGNER} comment\n# Host backup.lan found: line 4 REVOKED\n@revoked * ssh-rsa AAAAB3NzaC1yc2E=\n@cert-authority * ${SIGNER}\n`,
];

export const TEXTFILES = [
  [
    "# HELP devbackup_last_exit_code What the last run ended with; 0 is good.",
    ...["# TYPE devbackup_last_exit_code gauge", "devbackup_last_exit_code 0", "devbackup_warnings 1"],
    'devbackup_last_success_timestamp_seconds{dataset="dev"} 1772334123',
    ...['devbackup_artifact_bytes{dataset="dev"} 327155712', "devbackup_last_run_duration_seconds 123.5", ""],
  ].join("\n"),
];
