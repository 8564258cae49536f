import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { parseManifest, renderManifest, renderStateEnv } from "../../../src/domain/manifest.ts";
import { sha256Of } from "../../../src/transport/hash.ts";
import { shell } from "../../lab/small-disk.ts";
import { type Standing, standing, streamFor } from "./standing.ts";

const REGISTER = "ls_dev_register_artifact.sh";
const MANIFEST = "manifests/snapshots_v2.tsv";

const manifestOf = ({ path }: Standing): string => readFileSync(path(MANIFEST), "utf8");
const rowsOf = (there: Standing) => {
  const reading = parseManifest(manifestOf(there), there.spec.name);
  return reading.kind === "valid" ? reading.rows : assert.fail(JSON.stringify(reading));
};

/** Whether all that a run leaves is as a run leaves it. */
function whole(there: Standing, labels: readonly string[]): void {
  const rows = rowsOf(there);
  assert.deepEqual(
    rows.map(({ label }) => label),
    labels,
  );
  assert.equal(renderManifest(rows), manifestOf(there));
  assert.equal(
    readFileSync(there.path("manifests/state.env"), "utf8"),
    renderStateEnv(there.spec.name, rows),
  );
  for (const { localPath, sha256, sizeBytes } of rows) {
    assert.equal(sha256Of(readFileSync(there.path(localPath))), sha256);
    assert.equal(statSync(there.path(localPath)).size, sizeBytes);
    assert.equal(statSync(there.path(localPath)).mode & 0o777, 0o440);
  }
  shell(
    'printf "x %s\\n" "$(cut -d " " -f 1,2 "$1/keys/ls_dev_sign.key.pub")" >"$1/tmp/signers"; ssh-keygen -q -Y verify -I x -n devbackup-manifest -f "$1/tmp/signers" -s "$1/manifests/snapshots_v2.tsv.sig" <"$1/manifests/snapshots_v2.tsv"; rm "$1/tmp/signers"',
    there.path(),
  );
  assert.deepEqual(readdirSync(there.path("tmp")), []);
  assert.deepEqual(
    readdirSync(there.path("manifests")).filter((name) => name.endsWith(".new")),
    [],
  );
  assert.equal(readFileSync(there.path("locks/apply.lock"), "utf8"), "");
}

const ok = ({ code, stderr, stdout }: { code: number | null; stderr: string; stdout: string }): string => {
  assert.equal(code, 0, stderr);
  return stdout;
};

for (const tools of ["dash", "busybox"] as const)
  test(`an anchor and an increment are registered as a run does it, and once: ${tools}`, (context) => {
    const there = standing(context, tools);
    const anchor = there.artifact("2026-01");
    assert.match(ok(there.run(REGISTER, [anchor])), /^dev@2026-01 is registered as artifacts\/anchors\//);
    assert.ok(!existsSync(anchor), "it was moved");
    const [row = assert.fail()] = rowsOf(there);
    assert.equal(row.objectKey, "dev/artifacts/anchors/dev@2026-01.full.send.zst.age");
    const increment = there.artifact("2026-02", "2026-01");
    const copy = `${increment}.kept`;
    copyFileSync(increment, copy);
    ok(there.run(REGISTER, [increment]));
    whole(there, ["2026-01", "2026-02"]);
    const before = manifestOf(there);
    for (const left of [false, true]) {
      if (left) copyFileSync(copy, increment);
      assert.match(ok(there.run(REGISTER, [increment])), /registered already: nothing to do/);
      assert.equal(existsSync(increment), left);
      assert.equal(manifestOf(there), before);
      whole(there, ["2026-01", "2026-02"]);
    }
  });

describe("what is refused, and leaves everything as it was", () => {
  const rows: readonly {
    readonly name: string;
    readonly code: number;
    readonly says: RegExp;
    readonly file: (there: Standing) => string;
  }[] = [
    {
      name: "another artifact of a label that is registered",
      code: 6,
      says: /is not the artifact that is registered/,
      file: (there) => there.artifact("2026-02"),
    },
    {
      name: "the other kind of a label that is registered",
      code: 1,
      says: /registered already, as artifacts\/anchors\/dev@2026-02.*never rewritten/,
      file: (there) => there.artifact("2026-02", "2026-01"),
    },
    {
      name: "a label that lies before what is registered",
      code: 1,
      says: /the newest is 2026-02/,
      file: (there) => there.artifact("2026-01"),
    },
    {
      name: "an increment on what is not registered",
      code: 1,
      says: /can't take dev@2026-04/,
      file: (there) => there.artifact("2026-04", "2026-03"),
    },
    ...["2026-03-09", "2026-W11", "2026-3"].map((label) => ({
      name: `${label}, where each month has a label`,
      code: 1,
      says: new RegExp(`dev has a label for each month, YYYY-MM, and ${label} is none`),
      file: (there: Standing) => there.artifact(label),
    })),
    {
      name: "what the disk has no room for",
      code: 1,
      says: /no room for .* it takes 8796093022208 bytes, and \d+ are left.*\n.*\n.*next: free/,
      file: (there) => {
        const file = there.artifact("2026-03");
        truncateSync(file, 2 ** 43);
        return file;
      },
    },
    ...[
      "dev@2026-03.send.zst.age",
      "dev@2026-03.full.send.zst",
      "other@2026-03.full.send.zst.age",
      "dev@$(id).full.send.zst.age",
      "dev@../x.full.send.zst.age",
    ].map((as) => ({
      name: `a name like ${as}`,
      code: 1,
      says: /is no name of an artifact of dev/,
      file: (there: Standing) => {
        const file = there.artifact("2026-03");
        return as.includes("/") ? join(dirname(file), as) : there.artifact("2026-03", undefined, { as });
      },
    })),
    {
      name: "a name with a newline",
      code: 1,
      says: /control characters/,
      file: () => "/tmp/dev@2026-03\n.full.send.zst.age",
    },
    {
      name: "the stream of another label",
      code: 6,
      says: /is not the snapshot dev@2026-03/,
      file: (there) => there.artifact("2026-03", undefined, { stream: streamFor("2026-04") }),
    },
    {
      name: "a second stream behind that of the label",
      code: 6,
      says: /damaged, or not encrypted to this server/,
      file: (there) => {
        const stream = Buffer.concat([streamFor("2026-03"), streamFor("2026-04")]);
        return there.artifact("2026-03", undefined, { stream });
      },
    },
    {
      name: "an increment that is called an anchor",
      code: 6,
      says: /not of the kind/,
      file: (there) => there.artifact("2026-03", undefined, { stream: streamFor("2026-03", "2026-02") }),
    },
    {
      name: "what is not encrypted to this server",
      code: 6,
      says: /damaged, or not encrypted to this server/,
      file: (there) => {
        const file = there.artifact("2026-03");
        writeFileSync(file, "age-encryption.org/v1\nfor somebody else\n");
        return file;
      },
    },
    {
      name: "a link",
      code: 1,
      says: /is no file/,
      file: (there) => {
        const target = there.artifact("2026-03", undefined, { as: "elsewhere" });
        const link = join(dirname(target), "dev@2026-03.full.send.zst.age");
        symlinkSync(target, link);
        return link;
      },
    },
    {
      name: "nothing",
      code: 1,
      says: /there is no/,
      file: () => "/tmp/nowhere/dev@2026-03.full.send.zst.age",
    },
  ];
  for (const { name, code, says, file } of rows)
    test(name, (context) => {
      const there = standing(context);
      ok(there.run(REGISTER, [there.artifact("2026-02")]));
      const given = file(there);
      const content = () =>
        existsSync(given) && statSync(given).size < 2 ** 20 ? readFileSync(given) : existsSync(given);
      const before = content();
      const ran = there.run(REGISTER, [given]);
      assert.match(ran.stderr, says);
      assert.equal(ran.code, code);
      whole(there, ["2026-02"]);
      assert.deepEqual(content(), before);
    });
});

test("a tool that is missing, or not in cron's PATH, damages nothing", (context) => {
  const there = standing(context);
  const file = there.artifact("2026-01");
  for (const [without, says] of [
    ["age", /^error: age is not installed here, or not in the PATH\n/],
    ["zstd", /^error: zstd is not installed/],
  ] as const) {
    const { code, stderr } = there.run(REGISTER, [file], { without });
    assert.equal(code, 1, stderr);
    assert.match(stderr, says);
    assert.ok(existsSync(file) && !existsSync(there.path(MANIFEST)));
  }
  ok(there.run(REGISTER, [file]));
  const { code, stderr } = there.run("LS_send.sh", ["2026-01"], { without: "openssl" });
  assert.equal(code, 1, stderr);
});

test("no month of the calendar is refused", (context) => {
  const there = standing(context);
  const { code, stderr } = there.run(REGISTER, [there.artifact("2025-13")]);
  assert.equal(code, 1);
  assert.match(stderr, /can't take dev@2025-13/);
  assert.ok(!existsSync(there.path(MANIFEST)));
});

describe("a period to come is refused: behind it none of those before could follow", () => {
  for (const [cadence, timezone, now, current, next] of [
    ["monthly", "UTC", "2026-01-31T23:30Z", "2026-01", "2026-02"],
    ["monthly", "Europe/Berlin", "2026-01-31T23:30Z", "2026-02", "2026-03"],
    ["weekly", "UTC", "2027-01-03T12:00Z", "2026-W53", "2027-W01"],
    ["daily", "America/New_York", "2026-03-01T04:30Z", "2026-02-28", "2026-03-01"],
  ] as const)
    test(`${cadence}, ${timezone}`, (context) => {
      const there = standing(context, "dash", { spec: { cadence, timezone } });
      const programs = {
        date: `PATH=\${PATH#*:}; case $1 in +*) set -- -d ${now} "$1" ;; esac; exec date "$@"`,
      };
      const { code, stderr } = there.run(REGISTER, [there.artifact(next)], { programs });
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`dev@${next} is of a .* to come: by the clock here it is ${current}\n`),
      );
      assert.ok(!existsSync(there.path(MANIFEST)));
      ok(there.run(REGISTER, [there.artifact(current)], { programs }));
    });
});

/** What a user puts where the file was, in the moment before it is opened. */
describe("root reads no other file than the one that is given", () => {
  const SECRET = "ONLY-ROOT-READS-THIS";
  for (const registered of [false, true])
    for (const [name, put] of [
      ["a link", 'ln -sf "$there/secret" "$given"'],
      ["a FIFO", 'rm "$given"; mkfifo "$given"'],
      [
        "a FIFO that is written to",
        'rm "$given"; mkfifo "$given"; exec 5<>"$given"; head -c 9999 /dev/zero >&5',
      ],
      ["a longer file", 'head -c 999999 /dev/zero >>"$given"'],
      ["a file of its words", 'cat "$there/secret" >"$given"'],
    ] as const)
      test(`${name} comes instead${registered ? ", of one that is registered" : ""}`, (context) => {
        const there = standing(context);
        const given = there.artifact("2026-01");
        if (registered) {
          copyFileSync(given, `${given}.kept`);
          ok(there.run(REGISTER, [given]));
          copyFileSync(`${given}.kept`, given);
        }
        const before = registered ? manifestOf(there) : null;
        writeFileSync(join(dirname(given), "secret"), `${SECRET}\n`, { mode: 0o600 });
        // whichever of them opens it
        const opens = (tool: string) => `there='${dirname(given)}' given='${given}'
[ -e "$there/put" ] || { : >"$there/put"; ${put}; }
PATH=\${PATH#*:}; timeout 20 ${tool} "$@"; code=$?
[ "$code" != 124 ] || : >"$there/waited"; exit "$code"`;
        const programs = Object.fromEntries(["cp", "dd"].map((tool) => [tool, opens(tool)]));
        const { code, stdout, stderr } = there.run(REGISTER, [given], { programs });
        assert.ok(existsSync(join(dirname(given), "put")), "nothing was put in its way");
        assert.ok(!existsSync(join(dirname(given), "waited")), "a writer was waited for, under the lock");
        assert.ok(code === 1 || code === 6, `${code}: ${stderr}`);
        assert.doesNotMatch(stdout + stderr, new RegExp(SECRET));
        assert.deepEqual(readdirSync(there.path("tmp")), []);
        assert.equal(existsSync(there.path(MANIFEST)) ? manifestOf(there) : null, before);
        assert.equal(readFileSync(there.path("locks/apply.lock"), "utf8"), "");
      });
});

test("an increment on another snapshot than its parent could never be received, and is refused", (context) => {
  const there = standing(context);
  for (const [label, parent] of [["2026-01"], ["2026-02", "2026-01"]] as const)
    ok(there.run(REGISTER, [there.artifact(label, parent)]));
  // all increments here say that they build on what the anchor holds
  const { code, stderr } = there.run(REGISTER, [there.artifact("2026-03", "2026-02")]);
  assert.equal(code, 6, stderr);
  assert.match(stderr, /builds on another snapshot than dev@2026-02/);
  whole(there, ["2026-01", "2026-02"]);
});

test("a manifest that the server has not signed is not built on", (context) => {
  const there = standing(context);
  ok(there.run(REGISTER, [there.artifact("2026-01")]));
  const forged = manifestOf(there)
    .replace("2026-01-", "2025-01-")
    .replace(/\d{4}-/, "1999-");
  writeFileSync(there.path(MANIFEST), forged);
  const { code, stderr } = there.run(REGISTER, [there.artifact("2026-02")]);
  assert.equal(code, 6, stderr);
  assert.match(stderr, /not what this server has signed/);
  assert.equal(manifestOf(there), forged);
});

test("while another run holds the lock, nothing is done, and it is told whose that is", async (context) => {
  const there = standing(context);
  const file = there.artifact("2026-01");
  const lock = there.path("locks/apply.lock");
  const holder = spawn("flock", [
    lock,
    "sh",
    "-c",
    'printf \'%s\\n\' \'{"who":"eve@laptop","pid":1}\' >"$1"; echo; read -r end',
    "sh",
    lock,
  ]);
  await once(holder.stdout, "data");
  const { code, stderr } = there.run(REGISTER, [file]);
  assert.equal(code, 3, stderr);
  assert.match(stderr, /another run works on dev, of eve@laptop/);
  assert.ok(existsSync(file) && !existsSync(there.path(MANIFEST)));
  holder.stdin.end("\n");
  await once(holder, "close");
  ok(there.run(REGISTER, [file]));
  whole(there, ["2026-01"]);
});

for (const first of [true, false])
  test(`killed before any one of its steps: the next run ends it, ${first ? "of the first artifact" : "of a later one"}`, (context) => {
    const there = standing(context);
    if (!first) ok(there.run(REGISTER, [there.artifact("2026-01")]));
    const anchor = first ? null : manifestOf(there);
    const labels = first ? ["2026-02"] : ["2026-01", "2026-02"];
    let killed = true;
    for (let call = 1; killed; call += 1) {
      const file = there.artifact("2026-02", first ? undefined : "2026-01");
      const count = there.path("restore/count");
      writeFileSync(count, "0\n");
      const kills = (tool: string) => `n=$(($(cat "${count}") + 1)); echo "$n" >"${count}"
[ "$n" != ${call} ] || kill -s KILL 0
PATH=\${PATH#*:}; exec ${tool} "$@"`;
      const programs = Object.fromEntries(["mv", "sync"].map((tool) => [tool, kills(tool)]));
      killed = there.run(REGISTER, [file], { programs, apart: true }).code !== 0;
      ok(there.run(REGISTER, [file]));
      whole(there, labels);
      assert.ok(call < 40, "it was never not killed");
      // and from the start again
      const name = file.slice(file.lastIndexOf("/") + 1);
      shell('rm -f "$1"/artifacts/*/"$2" "$1"/manifests/*', there.path(), name);
      if (anchor === null) continue;
      writeFileSync(there.path(MANIFEST), anchor);
      shell(
        'ssh-keygen -q -Y sign -f "$1/keys/ls_dev_sign.key" -n devbackup-manifest "$1/manifests/snapshots_v2.tsv"',
        there.path(),
      );
    }
  });
