import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { answersFromFlags, type InitFlags } from "../../src/desired-state/answers.ts";
import { refuseInVain, starterState, writeStarter } from "../../src/desired-state/init.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { desiredBy } from "./states.ts";

const CHUCK = { home: "/home/chuck", user: "chuck" };
const R2 = { accountId: "0123456789abcdef0123456789abcdef", bucket: "dev-backups" };
const room = mkdtempSync(path.join(tmpdir(), "init-"));
after(() => rmSync(room, { recursive: true }));

const starter = (flags: InitFlags) => starterState(answersFromFlags(flags, CHUCK));

/** The trouble that `act` ends in. */
function troubleOf(act: () => unknown) {
  try {
    act();
  } catch (error) {
    if (error instanceof DevbackupError) return error.trouble;
    throw error;
  }
  return assert.fail("nothing was wrong");
}

test("init: a server is all that has to be said", () => {
  const { hosts, datasets, cloud } = desiredBy(starter({ server: "backup.lan" }));
  assert.deepEqual(
    [...hosts.values()].map(({ role, connection }) => [role, connection.kind]),
    [
      ["workstation", "local"],
      ["server", "ssh"],
    ],
  );
  const [{ name, path: subvolume, snapshots, owner, repository, workingCopy } = assert.fail()] = datasets;
  assert.deepEqual(
    [name, subvolume, snapshots, owner, repository, workingCopy],
    ["dev", "/home/chuck/code", "/home/chuck/snapshots", "chuck", "/srv/btrfs-backups/dev", "/srv/work/dev"],
  );
  assert.equal(cloud, null);
});

const valid: readonly { name: string; flags: InitFlags }[] = [
  { name: "one machine", flags: { server: "local" } },
  {
    name: "from a third machine",
    flags: { workstation: "ws.lan", user: "root", server: "10.0.0.2", serverUser: "root", owner: "ann" },
  },
  { name: "R2", flags: { server: "ls", ...R2 } },
  { name: "a secret in a file", flags: { server: "ls", ...R2, secretAccessKeyFile: "~/.r2" } },
  {
    name: "both in files",
    flags: { server: "ls", ...R2, accessKeyIdFile: "~/.r2", secretAccessKeyFile: "~/.s" },
  },
  {
    name: "another store",
    flags: { server: "ls", bucket: "b-1", endpoint: "http://192.168.1.3:9000", region: "us-east-1" },
  },
  { name: "no working copy", flags: { server: "ls", workingCopy: "none" } },
  {
    name: "words that YAML takes for something else",
    flags: { server: "123", dataset: "null", owner: "true", serverUser: "no" },
  },
  {
    name: "paths with odd characters",
    flags: { server: "ls", path: "/data/a: b #c", snapshots: "/data/'s\"" },
  },
];

for (const { name, flags } of valid)
  test(`init: so it is with its schedule uncommented: ${name}`, () => {
    const text = starter(flags);
    const [before = "", schedule = ""] = text.split("\n# schedule:\n");
    const { schedule: declared } = desiredBy(`${before}\nschedule:\n${schedule.replaceAll(/^# /gm, "  ")}`);
    assert.equal(declared?.on, "server");
  });

for (const { name, flags } of valid) {
  test(`init: the starter is valid: ${name}`, () => {
    const { datasets, cloud } = desiredBy(starter(flags));
    if (flags.path !== undefined) assert.equal(datasets[0]?.path, flags.path);
    if (flags.dataset !== undefined) assert.equal(datasets[0]?.name, flags.dataset);
    if (flags.workingCopy === "none" || flags.server === "local")
      assert.equal(datasets[0]?.workingCopy, null);
    assert.equal(cloud?.bucket, flags.bucket);
  });
}

test("init: ~ is the home of the dataset's owner", () => {
  const paths = { path: "~/code", snapshots: "~/snaps", workingCopy: "~/copy" };
  const placesOf = (flags: InitFlags) => {
    const [spec = assert.fail()] = desiredBy(starter({ server: "ls", ...paths, ...flags })).datasets;
    return [spec.path, spec.snapshots, spec.workingCopy];
  };
  assert.deepEqual(placesOf({}), ["/home/chuck/code", "/home/chuck/snaps", "/home/chuck/copy"]);
  assert.deepEqual(placesOf({ owner: "ann" }), ["/home/ann/code", "/home/ann/snaps", "/home/ann/copy"]);
  assert.match(troubleOf(() => starter({ server: "ls", path: "~ann/code" })).why ?? "", /--path wants/);
});

test("init: the starter, word for word", () => {
  const text = starter({ server: "backup.lan", ...R2 });
  assert.equal(
    text.slice(text.indexOf("version:"), text.indexOf("# Public keys")),
    `version: 1

hosts:
  workstation:                        # what is backed up
    role: workstation
    connection: local                 # the machine that devbackup runs on
  server:                             # what keeps the backups
    role: server
    connection: ssh
    address: backup.lan

datasets:
  dev:
    # on the workstation
    path: /home/chuck/code            # the Btrfs subvolume that is backed up
    snapshots: /home/chuck/snapshots  # holds its read-only snapshots; same file system, outside it
    owner: chuck                      # of \`path\` where it has to be created, and of the working copy
    # on the server
    repository: /srv/btrfs-backups/dev # artifacts, manifest, keys; on Btrfs
    working_copy: /srv/work/dev       # the newest label, writable; null for none
    cadence: monthly                  # monthly | weekly | daily

# The off-site copy; all of it is encrypted before it leaves the server.
cloud:
  account_id: 0123456789abcdef0123456789abcdef
  bucket: dev-backups
  # a secret never stands here: {env: NAME}, {file: PATH} or {command: [program, argument]}
  access_key_id: {env: R2_ACCESS_KEY_ID}
  secret_access_key: {env: R2_SECRET_ACCESS_KEY}

`,
  );
});

const refused: readonly { name: string; flags: InitFlags; why: RegExp }[] = [
  { name: "no server", flags: {}, why: /--server is missing/ },
  {
    name: "everything at once",
    flags: { path: "code", dataset: "My Data" },
    why: /--dataset wants .*; --path wants .*; --server is missing/,
  },
  {
    name: "a store without a bucket",
    flags: { server: "ls", accountId: R2.accountId },
    why: /^--bucket is missing$/,
  },
  {
    name: "a bucket without a store",
    flags: { server: "ls", bucket: "b-1" },
    why: /^--account-id \(for R2\) or --endpoint is missing$/,
  },
  {
    name: "two stores",
    flags: { server: "ls", ...R2, endpoint: "https://s3.example.com" },
    why: /name two stores/,
  },
  {
    name: "a region for no store",
    flags: { server: "ls", region: "auto" },
    why: /^--bucket and --account-id/,
  },
  {
    name: "http to the world",
    flags: { server: "ls", bucket: "b-1", endpoint: "http://example.com" },
    why: /^--endpoint wants https/,
  },
  {
    name: "snapshots inside the path",
    flags: { server: "ls", path: "/a", snapshots: "/a/s" },
    why: /lies inside what is backed up/,
  },
  {
    name: "a repository inside the path",
    flags: { server: "local", path: "/srv" },
    why: /lies inside what is backed up/,
  },
];

for (const { name, flags, why } of refused) {
  test(`init: refused: ${name}`, () => {
    const trouble = troubleOf(() => starter(flags));
    assert.match(trouble.why ?? "", why);
    assert.match(trouble.next ?? "", /^devbackup init/);
    assert.equal(trouble.exitCode, 1);
  });
}

test("init: a secret in place of its variable's name is not repeated", () => {
  const secret = "wJalrXUtnFEMI/K7MDENG";
  const trouble = troubleOf(() => starter({ server: "ls", ...R2, secretAccessKeyEnv: secret }));
  assert.match(trouble.why ?? "", /--secret-access-key-env wants the name of an environment variable/);
  assert.ok(!JSON.stringify(trouble).includes(secret));
});

test("init: writes DIR/devbackup.yaml, and never over anything", () => {
  const dir = path.join(room, "new/desired-state");
  const file = writeStarter(dir, "first\n");
  assert.equal(file, path.join(dir, "devbackup.yaml"));
  assert.equal(readFileSync(file, "utf8"), "first\n");
  assert.equal(statSync(file).mode & 0o777, 0o644 & ~process.umask());
  const trouble = troubleOf(() => writeStarter(dir, "second\n"));
  assert.deepEqual([trouble.what, trouble.exitCode], [`${file} is there already`, 1]);
  assert.equal(readFileSync(file, "utf8"), "first\n");
});

test("init: puts no second file beside a desired state", () => {
  const dir = path.join(room, "split");
  mkdirSync(dir);
  writeFileSync(path.join(dir, "hosts.yml"), "hosts: {}\n");
  assert.match(troubleOf(() => writeStarter(dir, "x")).what, /hosts\.yml is there already$/);
});

test("init: a directory that cannot be made", () => {
  writeFileSync(path.join(room, "file"), "");
  const trouble = troubleOf(() => writeStarter(path.join(room, "file/dir"), "x"));
  assert.equal(trouble.code, "init-not-written");
  assert.equal(troubleOf(() => refuseInVain(path.join(room, "file/dir"))).code, "init-not-written");
  assert.match(troubleOf(() => refuseInVain(path.join(room, "split"))).what, /hosts\.yml is there already$/);
  refuseInVain(path.join(room, "not/there/yet"));
});
