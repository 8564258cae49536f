import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpoint } from "../../src/desired-state/endpoint.ts";
import { nearest } from "../../src/desired-state/nearest.ts";
import { parseRate, parseSize } from "../../src/desired-state/size.ts";
import { CLOUD, desiredBy, MINIMAL } from "./states.ts";

const cloud = (line: string) => desiredBy(`${MINIMAL}${CLOUD}  ${line}\n`).cloud;
const endpoint = (url: string) =>
  desiredBy(`${MINIMAL}${CLOUD.replace(/account_id: .*/, `endpoint: "${url}"`)}`).cloud?.endpoint;

test("values: the defaults", () => {
  const desired = desiredBy(`${MINIMAL}${CLOUD}`);
  assert.deepEqual(Object.fromEntries(desired.hosts), {
    ws: { name: "ws", role: "workstation", connection: { kind: "local" }, become: "sudo" },
    ls: {
      name: "ls",
      role: "server",
      connection: {
        kind: "ssh",
        address: "backup.lan",
        port: undefined,
        user: undefined,
        identityFile: undefined,
        knownHosts: undefined,
      },
      become: "sudo",
    },
  });
  assert.deepEqual(desired.datasets, [
    {
      name: "dev",
      path: "/home/chuck/code",
      snapshots: "/home/chuck/snapshots",
      owner: "chuck",
      repository: "/srv/backups/dev",
      workingCopy: null,
      workstation: "ws",
      server: "ls",
      cadence: "monthly",
      timezone: "UTC",
      compressionLevel: 3,
      nestedSubvolumes: "refuse",
      anchor: { maxAgeMonths: 12, maxIncrementalRatio: 1 },
      retention: {
        workstationSnapshots: { kind: "last", count: 3 },
        serverSnapshots: { kind: "last", count: 2 },
        serverArtifacts: { kind: "all" },
        cloudArtifacts: { kind: "all" },
        auto: false,
      },
      overdueAfter: { count: 40, unit: "day" },
      hooks: { beforeSnapshot: null, afterSnapshot: null, afterApply: null, timeoutMs: 600_000 },
    },
  ]);
  assert.deepEqual(desired.cloud, {
    endpoint: "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com",
    bucket: "dev-backups",
    prefix: "",
    region: "auto",
    accessKeyId: { kind: "env", name: "R2_ACCESS_KEY_ID" },
    secretAccessKey: { kind: "file", path: "/etc/devbackup/r2-secret" },
    partSizeBytes: 64 * 1024 ** 2,
    concurrency: 4,
    bandwidthLimitBytesPerSecond: null,
    lockDays: null,
  });
  const { recoveryRecipients, schedule, scripts, verify, drill, notify } = desired;
  assert.deepEqual(
    { recoveryRecipients, schedule, scripts, verify, drill, notify },
    { recoveryRecipients: [], schedule: null, scripts: false, verify: null, drill: null, notify: [] },
  );
});

test("values: ~ is the home of whoever runs devbackup", () => {
  const ssh = "address: backup.lan, identity_file: ~/.ssh/id, known_hosts: ~/.ssh/known_hosts";
  const connection = [...desiredBy(MINIMAL.replace("address: backup.lan", ssh)).hosts.values()][1]
    ?.connection;
  assert.ok(connection?.kind === "ssh");
  assert.deepEqual(
    [connection.identityFile, connection.knownHosts],
    ["/home/chuck/.ssh/id", "/home/chuck/.ssh/known_hosts"],
  );
});

test("values: datasets keep the order of the file, whatever they are called", () => {
  const more = (name: string) =>
    `  "${name}": {path: /${name}/p, snapshots: /${name}/s, owner: me, repository: /${name}/r}\n`;
  const desired = desiredBy(MINIMAL + more("2") + more("1"));
  assert.deepEqual(
    desired.datasets.map((dataset) => dataset.name),
    ["dev", "2", "1"],
  );
});

test("values: chains of artifacts", () => {
  const { datasets } = desiredBy(`${MINIMAL}    retention: {server_artifacts: {keep_chains: 2}}\n`);
  assert.deepEqual(datasets[0]?.retention.serverArtifacts, { kind: "chains", count: 2 });
});

test("values: a secret from a command", () => {
  const text = `${MINIMAL}${CLOUD.replace("{file: /etc/devbackup/r2-secret}", "{command: [pass, show, r2]}")}`;
  assert.deepEqual(desiredBy(text).cloud?.secretAccessKey, { kind: "command", argv: ["pass", "show", "r2"] });
});

for (const [jurisdiction, host] of [
  ["default", ""],
  ["eu", ".eu"],
  ["fedramp", ".fedramp"],
]) {
  test(`values: jurisdiction ${jurisdiction}`, () => {
    assert.equal(
      cloud(`jurisdiction: ${jurisdiction}`)?.endpoint,
      `https://0123456789abcdef0123456789abcdef${host}.r2.cloudflarestorage.com`,
    );
  });
}

for (const [written, prefix] of [
  ["", ""],
  ["/", ""],
  ["a", "a/"],
  ["/a/b", "a/b/"],
  ["a/b/", "a/b/"],
]) {
  test(`values: prefix "${written}"`, () => assert.equal(cloud(`prefix: "${written}"`)?.prefix, prefix));
}

for (const [written, url] of [
  ["https://s3.example.com/", "https://s3.example.com"],
  ["http://localhost:9000", "http://localhost:9000"],
  ["http://127.0.0.9:8787/cdn-cgi/local/r2/s3/", "http://127.0.0.9:8787/cdn-cgi/local/r2/s3"],
  ["http://172.31.0.1", "http://172.31.0.1"],
  ["http://[::1]:9000", "http://[::1]:9000"],
  ["http://[fd00::7]", "http://[fd00::7]"],
] as const) {
  test(`values: endpoint ${written}`, () => assert.equal(endpoint(written), url));
}

for (const refused of [
  "http://example.com",
  "http://172.15.0.1",
  "http://172.32.0.1",
  "http://192.169.0.1",
  "http://11.0.0.1",
  "http://[2001:db8::1]",
  "http://localhost.example.com",
  "ftp://localhost",
  "https://key:secret@s3.example.com",
  "https://s3.example.com/?list",
  "s3.example.com",
]) {
  test(`values: endpoint ${refused} is refused`, () => assert.equal(parseEndpoint(refused).kind, "refused"));
}

for (const [text, bytes] of [
  ["64 MiB", 67_108_864],
  ["64MiB", 67_108_864],
  ["1.5 KiB", 1536],
  ["20 MB", 20_000_000],
  ["1 kB", 1000],
  ["7 B", 7],
  ["64", undefined],
  ["64 Mib", undefined],
  ["-1 MiB", undefined],
  ["1e3 B", undefined],
  ["99999999999 TiB", undefined],
] as const) {
  test(`values: size ${text}`, () => assert.equal(parseSize(text), bytes));
}

test("values: a rate is a size a second", () => {
  assert.equal(parseRate("20 MiB/s"), 20 * 1024 ** 2);
  assert.equal(parseRate("20 MiB"), undefined);
});

test("values: the nearest word", () => {
  assert.equal(nearest("snapshot", ["path", "snapshots"]), "snapshots");
  assert.equal(nearest("Owner", ["owner"]), "owner");
  assert.equal(nearest("zebra", ["owner", "path"]), undefined);
});

test("values: a signer is known without its comment", () => {
  const key = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"q".repeat(43)}`;
  const { signers } = desiredBy(`${MINIMAL}encryption: {signers: {dev: ${key} devbackup dev}}\n`);
  assert.deepEqual(Object.fromEntries(signers), { dev: key });
});
