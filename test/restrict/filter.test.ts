import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { DesiredState } from "../../src/desired-state/desired-state.ts";
import { snapshotName } from "../../src/domain/artifact.ts";
import type { Label } from "../../src/domain/label.ts";
import type { ManifestRow } from "../../src/domain/manifest.ts";
import type { AbsolutePath, HostName, Sha256 } from "../../src/domain/names.ts";
import { mergedScript } from "../../src/observe/merge.ts";
import { fromDisk, prove } from "../../src/reconcilers/artifact/prove-script.ts";
import { datasetProbes } from "../../src/reconcilers/facts.ts";
import { hydratedFolder } from "../../src/reconcilers/machine/folders.ts";
import { systemProbe } from "../../src/reconcilers/machine/system.ts";
import { packScript } from "../../src/reconcilers/receive/extract-script.ts";
import { sendScript } from "../../src/reconcilers/receive/receive-script.ts";
import {
  deleteArtifact,
  deleteFileScript,
  forgetObjectScript,
} from "../../src/reconcilers/retention/delete-artifacts.ts";
import { askedProbe } from "../../src/reconcilers/schedule/asked-facts.ts";
import { scheduleProbe } from "../../src/reconcilers/schedule/schedule-facts.ts";
import { gently } from "../../src/reconcilers/verify/gently.ts";
import { marked } from "../../src/transport/bootstrap.ts";
import { getScript } from "../../src/transport/bucket/download-script.ts";
import { putScript } from "../../src/transport/bucket/upload-script.ts";
import { fencePreface } from "../../src/transport/fence.ts";
import { framed, type Host } from "../../src/transport/host.ts";
import { counted } from "../../src/transport/scripted-host.ts";
import { killGroupOf } from "../../src/transport/terminate.ts";
import { sizeScript } from "../../src/transport/watch-size.ts";
import { desired } from "../reconcilers/world.ts";
import { type Installed, install } from "./installed.ts";

const state: DesiredState = {
  ...desired(),
  schedule: { on: "ls" as HostName, calendar: "*-*-01 03:00:00", reach: new Map() },
};
const [spec = assert.fail()] = state.datasets;
const LABEL = "2026-03" as Label;
/** As it travels, with so many bytes behind it. */
const asked = (script: string, stdinBytes = 0) => marked(counted(script, stdinBytes));
const artifact = (label: string) => `dev@${label}.full.send.zst.age`;
const size = (path: string) => asked(sizeScript(path as AbsolutePath));
const tree = `${hydratedFolder(spec.repository)}/${snapshotName(spec.name, LABEL)}` as AbsolutePath;
const get = getScript({
  file: `${spec.repository}/tmp/${artifact(LABEL)}.fetched` as AbsolutePath,
  sizeBytes: 7,
  etag: "e",
  limits: { limitBytesPerSecond: undefined, stalledSeconds: 60 },
});

/** Scripts that no devbackup issues, near those that it does. */
const ESCAPES: Readonly<Record<string, string>> = {
  "a command of one's own": "id",
  "one in front of an allowed script": `id; ${size(`/srv/dev/tmp/${artifact(LABEL)}`)}`,
  "one behind it": `${size(`/srv/dev/tmp/${artifact(LABEL)}`)}\nid`,
  "one behind it on its line": `${size(`/srv/dev/tmp/${artifact(LABEL)}`)}; id`,
  "a newline taken away": asked(
    mergedScript([systemProbe(spec.server).script], "abc").replace("\n", "\u0001"),
  ),
  "a label that is a substitution": size(`/srv/dev/tmp/${artifact("$(id)")}`),
  "one without its quotes": `echo devbackup-stdout; exec </dev/null\nstat -c %s -- /srv/dev/tmp/dev@$(id).full.send.zst.age 2>/dev/null || :`,
  "a quote that ends early": `echo devbackup-stdout; exec </dev/null\nstat -c %s -- '/srv/dev/tmp/dev@2026-03'; id; '.full.send.zst.age' 2>/dev/null || :`,
  "a label that leads elsewhere": size(`/srv/dev/tmp/${artifact("../../../../etc/shadow")}`),
  "a file elsewhere": size("/etc/shadow"),
  "a folder with the same beginning": size(`/srv/dev2/tmp/${artifact(LABEL)}`),
  "two words": `echo devbackup-stdout; exec </dev/null\nstat -c %s -- /srv/dev/tmp/${artifact(LABEL)} /etc/shadow 2>/dev/null || :`,
  "an increment on something else": size("/srv/dev/tmp/dev@2026-03.incr.from_../x.send.zst.age"),
  "a label with a newline": size(`/srv/dev/tmp/${artifact("2026-03\nid")}`),
  "a probe of one's own among the probes": asked(
    mergedScript([systemProbe(spec.server).script, "id"], "abc"),
  ),
  "a calendar that was not declared": asked(
    mergedScript(
      [
        askedProbe({ ...state, schedule: state.schedule && { ...state.schedule, calendar: "$(id)" } })
          ?.script ?? "",
      ],
      "abc",
    ),
  ),
  "a nonce that is none": asked(mergedScript([systemProbe(spec.server).script], "'; id; '")),
  "a folder packed that is chosen": packScript("/etc" as AbsolutePath, []),
  "files of a snapshot that are chosen": packScript(tree, ["../../../etc"]),
  "a link followed out of a snapshot": packScript(tree, ["link/etc/shadow"]),
  "a part of another file sent": putScript({
    file: `${spec.repository}/keys/ls_dev_backup.key`,
    part: { number: 1, offsetBytes: 0, sizeBytes: 9 },
    headers: [],
    limits: { limitBytesPerSecond: undefined, stalledSeconds: 60 },
  }),
  "the preface of a lock that is none": `exec 7>>/etc/passwd; ${size(`/srv/dev/tmp/${artifact(LABEL)}`)}`,
};

/** What is no framed script at all. */
const FRAMES: Readonly<Record<string, string | Buffer>> = {
  nothing: "",
  "no length": "id\n",
  "a length of nothing": "\n",
  "a length below nothing": "-1\nid",
  "a length with something in it": "0x10\nid",
  "a length in an octal guise": "08\nidid\n",
  "a length that is a command": "$(id)\nid",
  "a huge length": "99999999999999999999\nid",
  "a length without an end": "1".repeat(100_000),
  "more than a megabyte": `1000000\n${"x".repeat(1_000_000)}`,
  "a script that was cut off": framed(size(`/srv/dev/tmp/${artifact(LABEL)}`)).slice(0, -1),
  "what sftp says": Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]),
  "bytes that are no text": Buffer.from("3\n\xff\xfe\x00", "latin1"),
};

const SHELLS: Readonly<Record<string, readonly string[]>> = { dash: ["dash"], busybox: ["busybox", "sh"] };
const noRoot = process.getuid?.() !== 0 ? "needs root: the filter is run as sudo would run it" : false;

for (const [name, shell] of Object.entries(SHELLS))
  describe(`what a restricted login may run, by ${name}`, { skip: noRoot || missing(shell) }, () => {
    let full: Installed;
    let adding: Installed;
    before(async () => {
      full = await install(state, "full", shell);
      adding = await install(state, "add-only", shell);
    });
    after(() => {
      full.remove();
      adding.remove();
    });

    test("what devbackup asks does run, with what it is given on stdin", () => {
      const probes = Object.values(datasetProbes(spec, null)).filter(({ host }) => host === spec.server);
      const schedule = [scheduleProbe(spec.server), askedProbe(state) ?? assert.fail()];
      const all = [systemProbe(spec.server), ...schedule, ...probes].map(({ script }) => script);
      for (const it of [full, adding]) {
        const looked = it.send(asked(mergedScript(all, "0123456789ab")));
        assert.deepEqual([looked.refused, looked.exitCode], [undefined, 0], looked.stderr);
        assert.match(looked.stdout, /^time \d+$/m);
        assert.equal(it.send(size(`/srv/dev/tmp/${artifact(LABEL)}`)).stdout, "devbackup-stdout\n");
      }
    });

    test("what is let go is read first, and deleted on the server by `full` alone", async () => {
      const sha256 = "a".repeat(64) as Sha256;
      const localPath = `artifacts/anchors/${artifact(LABEL)}`;
      const row = { label: LABEL, localPath, sizeBytes: 7, sha256 } as ManifestRow;
      const going = deleteArtifact(spec, row, "key", 7);
      const proving = { path: going.file, sha256, damagedMark: going.damagedMark };
      const issued: string[] = [];
      const run: Host["run"] = async (script) => {
        issued.push(asked(script));
        return { exitCode: 0, stdout: "", stderr: "" };
      };
      const host = fromDisk(gently({ run } as Host, spec), going.file);
      await prove(host, proving, new AbortController().signal);
      const reading = issued[0] ?? assert.fail();
      for (const it of [full, adding]) assert.equal(it.send(reading).refused, undefined);
      const deleting = asked(`set -eu\n${deleteFileScript(going)}`);
      assert.equal(full.send(deleting).refused, undefined);
      assert.notEqual(adding.send(deleting).refused, undefined);
      for (const it of [full, adding])
        assert.equal(it.send(asked(forgetObjectScript(going))).refused, undefined);
    });

    test("a second script behind the first is only its stdin", () => {
      const { stdout, ran } = full.send(size(`/srv/dev/tmp/${artifact(LABEL)}`), framed("id"));
      assert.deepEqual([ran, stdout], [true, "devbackup-stdout\n"]);
    });

    for (const [what, script] of Object.entries(ESCAPES))
      test(`refused: ${what}`, () => {
        for (const it of [full, adding]) {
          const { ran, stdout, exitCode, refused } = it.send(script);
          assert.deepEqual([ran, stdout, exitCode], [false, "", 126], refused);
        }
      });

    for (const [what, bytes] of Object.entries(FRAMES))
      test(`refused: ${what}`, () => {
        const { ran, stdout, exitCode } = full.feed(bytes);
        assert.deepEqual([ran, stdout, exitCode], [false, "", 126]);
      });

    test("refused: arguments", () => {
      assert.equal(full.feed(framed(size(`/srv/dev/tmp/${artifact(LABEL)}`)), ["-c", "id"]).exitCode, 126);
    });

    test("of the addresses that curl is given as root, only the bucket's", () => {
      const to = (url: string) => full.send(asked(get, url.length + 1), `${url}\n`);
      for (const url of [
        "file:///etc/shadow",
        "http://127.0.0.1:9000.example.org/dev-backups/x",
        "http://127.0.0.1:9000@example.org/dev-backups/x",
        "http://127.0.0.1:9000/other/x",
        "http://127.0.0.1:9000/dev-backups/../other/x",
        "http://127.0.0.1:9000/dev-backups/..",
        "http://127.0.0.1:9000/dev-backups/..?X-Amz-Signature=0a",
        "http://127.0.0.1:9000/dev-backups/./x",
        "http://127.0.0.1:9000/dev-backups/x/.",
        "http://127.0.0.1:9000/dev-backups/x/.?X-Amz-Signature=0a",
        "http://127.0.0.1:9000/dev-backups/%2e%2e/other/x",
        "http://127.0.0.1:9000/dev-backups/.%2E/other/x",
        "http://127.0.0.1:9000/dev-backups/%2E./other/x",
        "http://127.0.0.1:9000/dev-backups/%2e/x",
        'http://127.0.0.1:9000/dev-backups/x" -o "/etc/passwd',
        "",
      ])
        assert.deepEqual([to(url).ran, to(url).exitCode], [false, 126], url);
      for (const url of [
        "http://127.0.0.1:9000/dev-backups/x?X-Amz-Signature=0a",
        `http://127.0.0.1:9000/dev-backups/.a/..b/c./dev%402026-03.send.zst.age?X-Amz-Credential=a%2Fb`,
      ])
        assert.equal(to(url).ran, true, url);
    });

    test("no process is ended that is not of this login", () => {
      const other = spawn("sleep", ["60"]);
      try {
        assert.equal(full.send(killGroupOf(other.pid ?? 0, "KILL")).refused, "that process is another's");
        assert.equal(other.exitCode, null);
      } finally {
        other.kill();
      }
    });

    test("nor where the lock is held under a name that speaks of one that is", async () => {
      const own = spawn("/bin/sh", [`${adding.folder}/restricted`]);
      const other = spawn("sleep", ["60"]);
      try {
        const holder = JSON.stringify({ who: `/proc/${own.pid}/`, pid: 1, since: "now" });
        const preface = fencePreface(`${spec.repository}/locks`, holder);
        const kill = (pid = 0) => adding.send(asked(`${preface}${killGroupOf(pid, "KILL")}`));
        assert.equal(kill(other.pid).refused, "that process is another's");
        assert.equal(kill(own.pid).ran, true);
      } finally {
        for (const child of [own, other]) child.kill();
      }
    });

    test("one that may only add gives nothing out, and takes nothing in another's place", () => {
      const hydrated = hydratedFolder(spec.repository);
      for (const script of [sendScript(hydrated, `dev@${LABEL}`, null), packScript(tree, [])]) {
        assert.equal(full.send(script).ran, true);
        assert.equal(adding.send(script).refused, "no such script is allowed");
      }
      assert.equal(
        adding.send(asked(get, 40), "http://127.0.0.1:9000/dev-backups/x\n").refused,
        "no such script is allowed",
      );
    });

    test("where the patterns are gone, nothing is allowed", () => {
      rmSync(`${full.folder}/allowed`);
      assert.equal(full.send("").exitCode, 126);
      assert.equal(full.send(size(`/srv/dev/tmp/${artifact(LABEL)}`)).exitCode, 126);
      writeFileSync(`${full.folder}/allowed`, "\n");
      assert.equal(full.send(size(`/srv/dev/tmp/${artifact(LABEL)}`)).exitCode, 126);
    });
  });

function missing([program = ""]: readonly string[]): string | false {
  return spawnSync(program, ["-c", ":"]).error === undefined ? false : `needs ${program}`;
}
