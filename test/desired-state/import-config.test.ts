import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { importConfigCommand } from "../../src/cli/import-config.ts";
import { EARLIER_KEYS } from "../../src/desired-state/earlier-keys.ts";
import { type ImportAnswers, importConfig } from "../../src/desired-state/import-config.ts";
import { parseToml } from "../../src/desired-state/read-toml.ts";
import { renderProblems } from "../../src/desired-state/render-problems.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { desiredBy } from "./states.ts";

const CHUCK = { home: "/home/chuck", user: "chuck" };
const PATHS = `[paths]
dataset = "/home/chuck/code"
snapshots = "/home/chuck/snapshots"
ls_root = "/srv/btrfs-backups/dev"
`;
const WHOLE = `${PATHS}
[cloud]
endpoint = "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com"
bucket = "dev-backups"
access_key = "AKID-in-the-clear"
secret_key = """
secret-in-
the-clear"""

[crypto]
age_public_key = "age1xyz"
age_private_key_path = "/srv/btrfs-backups/dev/keys/ls_dev_backup.key"

[remote]
ls_host = "backup.lan"
ls_user = "chuck"
`;

/** What becomes of a TOML: the desired state's text and the notes, or the problems as they are shown. */
function outcome(
  toml: string,
  asked: ImportAnswers = {},
): { text: string; notes: string[]; problems: string } {
  const read = parseToml("config.toml", toml);
  const refused = (problems: Parameters<typeof renderProblems>[0]) => ({
    text: "",
    notes: [],
    problems: renderProblems(problems, { colour: false }),
  });
  if (read.kind === "refused") return refused(read.problems);
  const imported = importConfig(read.source, asked, CHUCK);
  if (imported.kind === "refused") return refused(imported.problems);
  const notes = imported.notes.map(({ line, col, text }) => `${line}:${col} ${text}`);
  return { text: imported.text, notes, problems: "" };
}
const stateOf = (toml: string, asked: ImportAnswers = {}) => {
  const { text, problems } = outcome(toml, asked);
  assert.equal(problems, "");
  return desiredBy(text);
};

describe("import-config", () => {
  test("every key that the earlier program had comes to stand where it is read today", () => {
    for (const key of Object.keys(EARLIER_KEYS))
      assert.ok(WHOLE.includes(key.split(".")[1] ?? ""), `${key} is in no test`);
    const { hosts, datasets, cloud } = stateOf(WHOLE);
    const [spec = assert.fail()] = datasets;
    assert.equal(spec.name, "dev");
    assert.equal(spec.path, "/home/chuck/code");
    assert.equal(spec.snapshots, "/home/chuck/snapshots");
    assert.equal(spec.repository, "/srv/btrfs-backups/dev");
    assert.equal(spec.workingCopy, "/home/chuck/code");
    assert.equal(spec.owner, "chuck");
    const server = [...hosts.values()].find(({ role }) => role === "server")?.connection;
    assert.ok(server?.kind === "ssh");
    assert.deepEqual([server.address, server.user], ["backup.lan", "chuck"]);
    assert.equal(cloud?.endpoint, "https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com");
    assert.equal(cloud.bucket, "dev-backups");
  });

  test("what it did by default is what is declared: monthly, an anchor each twelve months, and nothing let go", () => {
    const [spec = assert.fail()] = stateOf(PATHS).datasets;
    assert.equal(spec.cadence, "monthly");
    assert.equal(spec.compressionLevel, 3);
    assert.deepEqual(spec.anchor, { maxAgeMonths: 12, maxIncrementalRatio: 1 });
    const { auto, ...places } = spec.retention;
    assert.equal(auto, false);
    assert.deepEqual(
      Object.values(places).map(({ kind }) => kind),
      ["all", "all", "all", "all"],
    );
  });

  test("no secret is copied or shown: the desired state says where each is to be, the notes what to do", () => {
    const { text, notes } = outcome(WHOLE);
    assert.match(text, /access_key_id: \{env: R2_ACCESS_KEY_ID\}/);
    assert.match(text, /secret_access_key: \{env: R2_SECRET_ACCESS_KEY\}/);
    assert.doesNotMatch(`${text}${notes.join()}`, /in-the-clear|secret-in-/);
    assert.match(notes.join("\n"), /^9:1 cloud\.access_key stands here in the clear.*\$R2_ACCESS_KEY_ID/m);
    assert.match(notes.join("\n"), /^10:1 cloud\.secret_key stands here in the clear/m);
    const file = { secretAccessKey: { file: "/etc/devbackup/r2-secret" } };
    assert.match(outcome(WHOLE, file).text, /secret_access_key: \{file: \/etc\/devbackup\/r2-secret\}/);
  });

  test("where it stands in a file that is broken around it, a secret is not shown either", () => {
    for (const broken of [
      WHOLE.replace("[crypto]", "[crypto"),
      WHOLE.replace('"AKID-in-the-clear"', "AKID-in-the-clear"),
      WHOLE.replace('the-clear"""', "the-clear"),
      `${PATHS}cloud = { endpoint = "https://s3.example.com", bucket = "b", secret_key = "in-the-clear" broken }`,
      WHOLE.replace('"dev-backups"', "3").replace("https://", "https://AKID:in-the-clear@"),
    ]) {
      const { problems } = outcome(broken);
      assert.match(problems, /^config\.toml:\d+:\d+: /);
      assert.doesNotMatch(problems, /in-the-clear|secret-in-|the-clear/);
    }
  });

  test("nor is one in another shape, wherever something else is wrong", () => {
    const at = (endpoint: string) => `${PATHS}[cloud]\nendpoint = "${endpoint}"\nbucket = "b!b"\n`;
    const logins = ["AKID:HUNTER2-token@s3.example.com", "AKID:HUN/TER2@s3.example.com", "AKID:HUNTER2"];
    for (const broken of [
      ...logins.flatMap((login) => [at(`https://${login}`), at(login), at(login).replace('= "', "= ")]),
      at("https://s3.example.com/?X=HUNTER2"),
      // lines of a string or an array that look like a key
      `[cloud]\nsecret_key = """\nfirst\nbucket = HUNTER2"\\q\n"""`,
      `[cloud]\nsecret_key = '''\nfirst\nbucket = HUNTER2\n`,
      `[cloud]\nsecret_key = """\n[cloud]\nbucket = HUNTER2\\`,
      `[cloud]\nsecret_key = ["x",\n["HUNTER2"],\nbucket = HUNTER2,\n]`,
      `[cloud]\nbucket = """\nHUNTER2\\q"""`,
      // a key or a table that is not known, or has no value
      `[cloud]\nkey_id = "HUNTER2\\q"`,
      `[cloud]\nscrt = """\nbucket = "HUNTER2"\\q\n"""`,
      `[cloud.secrets]\nbucket = "HUNTER2\\q"`,
      "[cloud\nbucket = HUNTER2",
      `[cloud]\nbucket = "b" key = "HUNTER2"`,
      "[cloud]\nsecret_key HUNTER2",
      "[cloud]\nsecret_key\n=\nHUNTER2",
      "[cloud]\n'bucket'.HUNTER2 = !",
      // what stands beside a value that may be shown
      '[cloud]\nbucket = "b" HUNTER2, the token',
      "[cloud]\nbucket = b # the password is HUNTER2",
    ]) {
      const { problems } = outcome(broken);
      assert.match(problems, /^config\.toml:\d+:\d+: /, broken);
      assert.doesNotMatch(problems, /HUN|TER2|akid/i, broken);
    }
    const noted = outcome(`${PATHS}[cloud]\nsecret_key.HUNTER2 = 1\n`);
    assert.doesNotMatch(`${noted.notes.join()}${noted.problems}`, /HUNTER2/);
    // and what is none is shown
    assert.match(outcome("[cloud]\nbucket = dev-backups").problems, /bucket = dev-backups\n/);
    assert.match(
      outcome(at("http://s3.example.com:9000")).problems,
      /endpoint = "http:\/\/s3\.example\.com:9000"\n/,
    );
  });

  test("a server that is left out, or localhost, is this machine: no working copy over the dataset, and a note", () => {
    for (const toml of [PATHS, `${PATHS}[remote]\nls_host = "localhost"\nls_user = "chuck"\n`]) {
      const { hosts, datasets } = stateOf(toml);
      assert.deepEqual(
        [...hosts.values()].map(({ connection }) => connection.kind),
        ["local", "local"],
      );
      assert.equal(datasets[0]?.workingCopy, null);
      assert.match(outcome(toml).notes.join(), /both taken to be this machine.*--server ADDRESS/);
    }
    const asked: ImportAnswers = { server: { kind: "ssh", address: "ls.lan", user: undefined } };
    assert.equal(stateOf(PATHS, asked).datasets[0]?.workingCopy, "/home/chuck/code");
    assert.doesNotMatch(outcome(PATHS, asked).notes.join(), /this machine/);
  });

  test("a key that lies elsewhere than it is looked for is told of before a new one would be made", () => {
    const elsewhere = WHOLE.replace('"/srv/btrfs-backups/dev/keys', '"/root');
    assert.match(outcome(elsewhere).notes.join("\n"), /^16:1 .*Copy it there.*before the first apply/m);
    assert.doesNotMatch(outcome(WHOLE).notes.join(), /Copy it there/);
  });

  test("another store than R2 keeps its endpoint; what the earlier program ignored is named", () => {
    const other = WHOLE.replace(/https:[^"]+/, "http://192.168.1.3:9000/").replace("ls_user", "ls_usr");
    const { cloud } = stateOf(other);
    assert.equal(cloud?.endpoint, "http://192.168.1.3:9000");
    assert.match(outcome(other).text, /\{env: S3_ACCESS_KEY_ID\}/);
    assert.match(outcome(other).notes.join("\n"), /no key remote\.ls_usr.*Was remote\.ls_user meant\?/);
  });

  const wrong: readonly { name: string; toml: string; shows: RegExp }[] = [
    { name: "no TOML", toml: "paths:\n  dataset: /x\n", shows: /^config\.toml:1:6: this is no TOML/ },
    { name: "a key twice", toml: `${PATHS}ls_root = "/x"\n`, shows: /^config\.toml:5:\d+: this is no TOML/ },
    { name: "nothing in it", toml: "", shows: /paths\.dataset is missing[\s\S]*3 problems/ },
    {
      name: "a key missing",
      toml: PATHS.replace(/ls_root.*\n/, ""),
      shows: /^config\.toml:1:2: paths\.ls_root is missing\n {4}\[paths\]/,
    },
    { name: "no string", toml: PATHS.replace(/"\/srv.*"/, "7"), shows: /:4:11: paths\.ls_root is no string/ },
    {
      name: "a path that is none",
      toml: PATHS.replace("/home/chuck/code", "~/code"),
      shows: /:2:11: paths\.dataset is no absolute path\n {4}dataset = "~\/code"\n {14}\^/,
    },
    {
      name: "the example's endpoint",
      toml: `${PATHS}[cloud]\nendpoint = "https://<ACCOUNT_ID>.r2.cloudflarestorage.com"\nbucket = "B!"\n`,
      shows: /:6:12: cloud\.endpoint is no URL[\s\S]*:7:10: cloud\.bucket is no name of a bucket/,
    },
    {
      name: "an address that is none",
      toml: `${PATHS}[remote]\nls_host = "-oProxyCommand=x"\nls_user = "a b"\n`,
      shows: /:6:11: remote\.ls_host is no address[\s\S]*:7:11: remote\.ls_user is no login/,
    },
  ];
  for (const { name, toml, shows } of wrong)
    test(`each problem is told where it stands: ${name}`, () => {
      assert.match(outcome(toml).problems, shows);
    });

  test("values that contradict each other are refused, as the loader does", () => {
    assert.throws(
      () => outcome(PATHS.replace("/home/chuck/snapshots", "/home/chuck/code/snapshots")),
      (error) => error instanceof DevbackupError && error.trouble.code === "import-not-valid",
    );
  });
});

describe("devbackup import-config", () => {
  const room = mkdtempSync(join(tmpdir(), "devbackup-import-"));
  after(() => rmSync(room, { recursive: true }));
  const toml = join(room, "config.toml");
  writeFileSync(toml, WHOLE);
  const flags = { color: false, quiet: true };

  test("it writes once, and never over what is there", async () => {
    const out = join(room, "state");
    assert.equal(await importConfigCommand(toml, { ...flags, out }), 0);
    const written = readFileSync(join(out, "devbackup.yaml"), "utf8");
    assert.equal(desiredBy(written).datasets[0]?.name, "dev");
    const there = (error: unknown) =>
      error instanceof DevbackupError && error.trouble.code === "init-already-there";
    await assert.rejects(importConfigCommand(toml, { ...flags, out }), there);
    assert.equal(readFileSync(join(out, "devbackup.yaml"), "utf8"), written);
  });

  test("where the file can't be read, nothing is written", async () => {
    const out = join(room, "nothing");
    mkdirSync(join(room, "folder.toml"));
    for (const file of ["missing.toml", "folder.toml"])
      assert.equal(await importConfigCommand(join(room, file), { ...flags, out }), 1);
    assert.throws(() => readFileSync(join(out, "devbackup.yaml")));
  });

  test("a secret where the name of its variable belongs is refused, and not repeated", async () => {
    await assert.rejects(
      importConfigCommand(toml, { ...flags, out: join(room, "x"), secretAccessKeyEnv: "s3cr3t value" }),
      (error) => error instanceof DevbackupError && !JSON.stringify(error.trouble).includes("s3cr3t"),
    );
  });
});
