import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { exitCodeOf } from "../../src/domain/findings.ts";
import type { HostName } from "../../src/domain/names.ts";
import type { Finding } from "../../src/domain/verification.ts";
import { type VerifyReport, verifyJson, verifyLines, verifyText } from "../../src/report/verify-text.ts";
import { DEV, history, label } from "../domain/history.ts";

const MIB = 1024 * 1024;
const AT = new Date("2026-05-01T03:00:00Z");
const PLACES = ["server", "bucket", "hydrated"] as const;
const STATES: Readonly<Record<string, Pick<Finding, "state" | "why" | "asRegistered">>> = {
  "+": { state: "ok", why: null },
  "-": { state: "missing", why: null },
  x: { state: "damaged", why: "sha256 12…, expected ab…" },
  "!": { state: "damaged", why: "it holds dev@2026-01, not dev@2026-02", asRegistered: true },
  "?": { state: "not-checked", why: "the bucket does not answer" },
  ".": { state: "not-wanted", why: null },
};
const CHECK = { server: "hash", bucket: "note", hydrated: "fingerprint" } as const;

/** `2026-01 full 100 ++., 2026-02 incr 9 x+.`: sizes in MiB, the signs of server, bucket and hydrated. */
function report(text: string, more: Partial<VerifyReport> = {}): VerifyReport {
  const rows = history(text).map((row) => ({ ...row, sizeBytes: row.sizeBytes * MIB }));
  const findings = text.split(",").flatMap((entry) => {
    const [of = "", , , signs = ""] = entry.trim().split(" ");
    return [...signs].map((sign, index): Finding => {
      const [place, found] = [PLACES[index] ?? assert.fail(), STATES[sign] ?? assert.fail(sign)];
      const ok = found.state === "ok";
      return { place, label: label(of), check: ok ? CHECK[place] : null, at: ok ? AT : null, ...found };
    });
  });
  return {
    dataset: DEV,
    server: "ls" as HostName,
    rows,
    findings,
    resumedFrom: null,
    checkedBytes: 330 * MIB,
    durationMs: 12_000,
    mend: "devbackup apply",
    chain: (at) => `devbackup manifest chain ${at}`,
    ...more,
  };
}

const text = (given: VerifyReport, width = 100) =>
  stripVTControlCharacters(verifyText(given, { color: true, width }));

const rows: readonly { name: string; given: VerifyReport; exitCode: number; says: string }[] = [
  {
    name: "all is well",
    given: report("2026-01 full 100 ++., 2026-02 incr 9 +++"),
    exitCode: 0,
    says: `dev on ls
    LABEL    TYPE          SIZE  SERVER  BUCKET           HYDRATED
    2026-01  anchor     100 MiB  ok      ok, by its note  –
    2026-02  increment    9 MiB  ok      ok, by its note  ok, as backed up

verified: all 5 copies as they should be, 330 MiB read in 12 s
`,
  },
  {
    name: "damage that the other copy mends, in a run that went on",
    given: report("2026-01 full 100 ++., 2026-02 incr 9 x+-", { resumedFrom: AT }),
    exitCode: 6,
    says: `dev on ls
    LABEL    TYPE          SIZE  SERVER   BUCKET           HYDRATED
    2026-01  anchor     100 MiB  ok       ok, by its note  –
    2026-02  increment    9 MiB  damaged  ok, by its note  missing

damaged  dev@2026-02.incr.from_2026-01.send.zst.age on ls: sha256 12…, expected ab…
missing  the snapshot dev@2026-02 on ls
It went on with the run of 2026-05-01 03:00 UTC, which was cut off.
verified: 1 damaged, 1 missing, of 5 copies; 330 MiB read in 12 s
next: devbackup apply, which mends what is whole elsewhere
`,
  },
  {
    name: "what is whole nowhere, and what that costs; 60 columns",
    given: report("2026-01 full 100 x-., 2026-02 incr 9 ++., 2026-03 incr 9 +++"),
    exitCode: 6,
    says: `dev on ls
    LABEL       SIZE  SERVER   BUCKET           HYDRATED
    2026-01  100 MiB  damaged  missing          –
    2026-02    9 MiB  ok       ok, by its note  –
    2026-03    9 MiB  ok       ok, by its note  ok, as backed up

damaged  dev@2026-01.full.send.zst.age on ls: sha256 12…,
         expected ab…
missing  dev@2026-01.full.send.zst.age in the bucket
The artifact of 2026-01 is whole nowhere: it costs 2 labels:
2026-01, 2026-02. Put it back from another copy: devbackup
manifest import DIR. Without one, the next artifact is an
anchor.
verified: 1 damaged, 1 missing, of 7 copies; 330 MiB read in 12 s
next: devbackup manifest import DIR, which puts back from another copy what is whole nowhere
`,
  },
  {
    name: "an artifact that was registered as it is: no apply mends it, and no copy is better",
    given: report("2026-01 full 100 ++., 2026-02 incr 9 !+., 2026-03 incr 9 +++"),
    exitCode: 6,
    says: `dev on ls
    LABEL    TYPE          SIZE  SERVER   BUCKET           HYDRATED
    2026-01  anchor     100 MiB  ok       ok, by its note  –
    2026-02  increment    9 MiB  damaged  ok, by its note  –
    2026-03  increment    9 MiB  ok       ok, by its note  ok, as backed up

damaged  dev@2026-02.incr.from_2026-01.send.zst.age on ls: it holds dev@2026-01, not dev@2026-02
The artifact of 2026-02 is the very one that was registered, so that no copy is better: it costs 1
label: 2026-02.
verified: 1 damaged, of 7 copies; 330 MiB read in 12 s
next: devbackup manifest chain 2026-02, which shows what rests on it: no apply mends that
`,
  },
  {
    name: "nobody could look: neither well nor damaged",
    given: report("2026-01 full 100 +?."),
    exitCode: 1,
    says: `dev on ls
    LABEL    TYPE       SIZE  SERVER  BUCKET       HYDRATED
    2026-01  anchor  100 MiB  ok      not checked  –

not checked  dev@2026-01.full.send.zst.age in the bucket: the bucket does not answer
verified: 1 not checked, of 2 copies; 330 MiB read in 12 s
next: put right what kept it from being looked at, and run the same command again
`,
  },
  {
    name: "nothing is registered yet",
    given: report(""),
    exitCode: 0,
    says: "dev on ls\nNo artifact is registered yet.\n",
  },
];

for (const { name, given, exitCode, says } of rows)
  test(name, () => {
    assert.equal(text(given, name.includes("60 columns") ? 60 : 100), says);
    assert.equal(exitCodeOf(given), exitCode);
  });

test("of what is lost and what is not, apply mends the one alone, and no snapshot whose chain is lost", () => {
  const APPLY = "next: devbackup apply, which mends what is whole elsewhere";
  const mends = (signs: string) => verifyLines(report(signs)).includes(APPLY);
  assert.equal(mends("2026-01 full 100 x-., 2026-02 incr 9 x+x"), true);
  assert.equal(mends("2026-01 full 100 x-., 2026-02 incr 9 ++x"), false);
  assert.equal(mends("2026-01 full 100 x-x"), false);
  assert.equal(mends("2026-01 full 100 ++x"), true);
});

test("of what a program said of a disk that fails, the first line alone", () => {
  const given = report("2026-01 full 100 +?.");
  const why = "dgst: Input/output error\n80AB:error:8000\n80AB:error:1080";
  const findings = given.findings.map((each) => (each.why === null ? each : { ...each, why }));
  for (const said of [text({ ...given, findings }), verifyLines({ ...given, findings }).join("\n")]) {
    assert.match(said, /: dgst: Input\/output error$/m);
    assert.doesNotMatch(said, /80AB/);
  }
});

test("the same for programs", () => {
  const { labels, lost, counts, result } = verifyJson(report("2026-01 full 100 x-., 2026-02 incr 9 +++"));
  assert.deepEqual(labels[0]?.server, {
    state: "damaged",
    check: null,
    at: null,
    why: "sha256 12…, expected ab…",
  });
  assert.deepEqual(labels[1]?.bucket, { state: "ok", check: "note", at: AT.toISOString(), why: null });
  assert.deepEqual(lost, [{ label: "2026-01", costs: ["2026-01"], asRegistered: false }]);
  assert.deepEqual(counts, { ok: 3, damaged: 1, missing: 1, notChecked: 0 });
  assert.equal(result, "damaged");
});

test("for a message: what it comes to, and what is not whole with what mends it", () => {
  assert.deepEqual(verifyLines(report("2026-01 full 100 ++., 2026-02 incr 9 +++")), [
    "dev: 5 copies looked at, all as they should be",
  ]);
  assert.deepEqual(verifyLines(report("2026-01 full 100 ++., 2026-02 incr 9 x?-")), [
    "dev: 5 copies looked at, 3 not known to be whole",
    "- dev@2026-02.incr.from_2026-01.send.zst.age on ls: damaged: sha256 12…, expected ab…",
    "- dev@2026-02.incr.from_2026-01.send.zst.age in the bucket: not-checked: the bucket does not answer",
    "- the snapshot dev@2026-02 on ls: missing",
    "next: devbackup apply, which mends what is whole elsewhere",
  ]);
  assert.deepEqual(verifyLines(report("2026-01 full 100 !+x")).slice(3), [
    "next: devbackup manifest chain 2026-01, which shows what rests on it: no apply mends that",
  ]);
});
