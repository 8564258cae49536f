import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactPath } from "../../src/domain/artifact.ts";
import { absent, type Fact, known, unknown } from "../../src/domain/fact.ts";
import type { Label } from "../../src/domain/label.ts";
import { chainOf, labelsResting } from "../../src/domain/lineage.ts";
import { type Manifest, type ManifestRow, parseManifest, renderManifest } from "../../src/domain/manifest.ts";
import {
  type Copies,
  type CopyState,
  type RestoreChain,
  restoreChain,
} from "../../src/domain/restore-chain.ts";
import { DEV, history, label } from "./history.ts";

const STANDING: Readonly<Record<string, CopyState>> = {
  "+": "whole",
  "-": "missing",
  x: "damaged",
  "?": "unknown",
};
const standing = (sign = ""): CopyState => STANDING[sign] ?? assert.fail(`"${sign}" is no standing`);

/** The sign of the server and that of the bucket, `.` there for no cloud: `+-`, `x.`. */
const copiesFrom = ([server, bucket]: string): Copies => ({
  server: standing(server),
  bucket: bucket === "." ? "undeclared" : standing(bucket),
});

/** `2026-01 full 100 ++ h, 2026-02 incr 60 -+`: a history, how each artifact stands, `h` for hydrated. */
function look(text: string, at: string, hydrated?: Fact<ReadonlySet<Label>>): RestoreChain {
  const rows = history(text);
  const entries = text.split(",").map((entry) => entry.trim().split(" "));
  const signs = new Map(entries.map(([of = "", , , sign = ""]) => [of, sign]));
  const here = entries.filter((entry) => entry[4] === "h").map(([of = ""]) => label(of));
  return (
    restoreChain({
      rows,
      label: label(at),
      copies: (row) => copiesFrom(signs.get(row.label) ?? ""),
      hydrated: hydrated ?? (here.length === 0 ? absent : known(new Set(here))),
    }) ?? assert.fail(`no ${at}`)
  );
}

const costs = (all: readonly { row: ManifestRow; costs: readonly Label[] }[]): string =>
  all.map((one) => `${one.row.label} costs ${one.costs.join(" ")}`).join(", ");

const FOUR = "2026-01 full 100 ++, 2026-02 incr 10 ++, 2026-03 full 90 ++, 2026-04 incr 9 ++";

test("what a label is made from, and from where", () => {
  const rows: readonly {
    name: string;
    given: string;
    at: string;
    steps: string;
    fetch?: number;
    receive?: number;
    holes?: string;
    restorable?: RestoreChain["restorable"];
    hydrated?: Fact<ReadonlySet<Label>>;
  }[] = [
    { name: "an anchor stands alone", given: FOUR, at: "2026-03", steps: "2026-03 server", receive: 90 },
    {
      name: "from the nearest anchor, never more",
      given: FOUR,
      at: "2026-04",
      steps: "2026-03 server, 2026-04 server",
      receive: 99,
    },
    {
      name: "what the server lacks or has damaged comes from the bucket",
      given: "2026-01 full 100 -+, 2026-02 incr 10 ++, 2026-03 incr 1 x+",
      at: "2026-03",
      steps: "2026-01 bucket, 2026-02 server, 2026-03 bucket",
      fetch: 101,
      receive: 111,
    },
    {
      name: "what is hydrated, and what lies below it, needs no artifact",
      given: "2026-01 full 100 --, 2026-02 incr 10 -- h, 2026-03 incr 1 -+",
      at: "2026-03",
      steps: "2026-01 hydrated, 2026-02 hydrated, 2026-03 bucket",
      fetch: 1,
      receive: 1,
    },
    {
      name: "nothing is needed for a label that is hydrated",
      given: "2026-01 full 100 --, 2026-02 incr 10 x- h",
      at: "2026-02",
      steps: "2026-01 hydrated, 2026-02 hydrated",
    },
    {
      name: "what is hydrated above the label is of no use",
      given: "2026-01 full 100 ++, 2026-02 incr 10 ++ h",
      at: "2026-01",
      steps: "2026-01 server",
      receive: 100,
    },
    {
      name: "a hole costs every label above it",
      given:
        "2026-01 full 100 ++, 2026-02 incr 10 -x, 2026-03 incr 1 -+, 2026-04 incr 1 ++, 2026-05 full 9 ++",
      at: "2026-03",
      steps: "2026-01 server, 2026-02 nowhere, 2026-03 bucket",
      fetch: 1,
      receive: 101,
      holes: "2026-02 costs 2026-02 2026-03 2026-04",
      restorable: false,
    },
    {
      name: "a hole costs nothing that stands hydrated, or on it",
      given: "2026-01 full 100 x., 2026-02 incr 10 +., 2026-03 incr 1 +. h, 2026-04 incr 1 +.",
      at: "2026-02",
      steps: "2026-01 nowhere, 2026-02 server",
      receive: 10,
      holes: "2026-01 costs 2026-01 2026-02",
      restorable: false,
    },
    {
      name: "two holes",
      given: "2026-01 full 100 -., 2026-02 incr 10 -.",
      at: "2026-02",
      steps: "2026-01 nowhere, 2026-02 nowhere",
      holes: "2026-01 costs 2026-01 2026-02, 2026-02 costs 2026-02",
      restorable: false,
    },
    {
      name: "a bucket that could not be looked at makes no hole",
      given: "2026-01 full 100 +?, 2026-02 incr 10 -?",
      at: "2026-02",
      steps: "2026-01 server, 2026-02 unknown",
      receive: 100,
      restorable: "unknown",
    },
    {
      name: "nor does a server that could not, and the bucket will do",
      given: "2026-01 full 100 ?+, 2026-02 incr 10 ?-",
      at: "2026-02",
      steps: "2026-01 bucket, 2026-02 unknown",
      fetch: 100,
      receive: 100,
      restorable: "unknown",
    },
    {
      name: "nor do snapshots that could not: it may be hydrated",
      given: "2026-01 full 100 +-, 2026-02 incr 10 x-",
      at: "2026-02",
      hydrated: unknown("no btrfs-progs"),
      steps: "2026-01 server, 2026-02 unknown",
      receive: 100,
      restorable: "unknown",
    },
    {
      name: "one hole is enough, whatever else is unknown",
      given: "2026-01 full 100 -?, 2026-02 incr 10 --",
      at: "2026-02",
      steps: "2026-01 unknown, 2026-02 nowhere",
      holes: "2026-02 costs 2026-02",
      restorable: false,
    },
  ];
  for (const { name, given, at, steps, fetch = 0, receive = 0, holes = "", ...more } of rows) {
    const found = look(given, at, more.hydrated);
    const told = found.steps.map(({ row, source }) => `${row.label} ${source}`).join(", ");
    assert.equal(told, steps, name);
    assert.equal(found.fetchBytes, fetch, `${name}: to fetch`);
    assert.equal(found.receiveBytes, receive, `${name}: to receive`);
    assert.equal(costs(found.holes), holes, name);
    assert.equal(found.restorable, more.restorable ?? true, name);
  }
});

test("a label without a row has no chain", () => {
  const rows = history("2026-01 full 1");
  const copies = (): Copies => ({ server: "whole", bucket: "whole" });
  assert.equal(restoreChain({ rows, label: label("2026-02"), copies, hydrated: absent }), undefined);
});

test("a step says whether its own snapshot stands", () => {
  const given = "2026-01 full 9 ++, 2026-02 incr 1 ++ h, 2026-03 incr 1 ++";
  const hydrated = (fact?: Fact<ReadonlySet<Label>>) =>
    look(given, "2026-03", fact).steps.map((step) => step.hydrated);
  assert.deepEqual(hydrated(), [false, true, false]);
  assert.deepEqual(hydrated(absent), [false, false, false]);
  assert.deepEqual(hydrated(unknown("no btrfs-progs")), ["unknown", "unknown", "unknown"]);
});

test("an only copy is one that no other place can have", () => {
  const rows = { "++": null, "+-": "server", "+x": "server", "-+": "bucket", "x+": "bucket", "+.": "server" };
  const none = { "--": null, "x.": null, "+?": null, "?+": null, "??": null };
  for (const [sign, place] of Object.entries({ ...rows, ...none }))
    assert.equal(look(`2026-01 full 1 ${sign}`, "2026-01").steps[0]?.onlyCopy, place, sign);
});

test("one lost artifact costs its label and all that builds on it, hydrated or not", () => {
  const given = "2026-01 full 9 ++ h, 2026-02 incr 1 +- h, 2026-03 incr 1 ++, 2026-04 full 9 ++";
  assert.equal(
    costs(look(given, "2026-02").steps),
    "2026-01 costs 2026-01 2026-02 2026-03, 2026-02 costs 2026-02 2026-03",
  );
});

test("random histories: the chain is minimal, what rests on a label is the closure, holes are what is in the way", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const rows = randomHistory(random);
    const said = `seed ${seed}: ${rows.map((row) => `${row.label}<${row.parent ?? ""}`).join(" ")}`;
    // what the reader of manifests promises is all that may be built on
    assert.equal(parseManifest(renderManifest(rows), DEV).kind, "valid", said);
    const hydrated = new Set(rows.filter(() => random() < 0.2).map((row) => row.label));
    const copies = new Map(rows.map((row) => [row, randomCopies(random)]));
    const ask = (at: Label) =>
      restoreChain({
        rows,
        label: at,
        copies: (row) => copies.get(row) as Copies,
        hydrated: known(hydrated),
      });
    for (const { label: at } of rows) {
      const found = ask(at) ?? assert.fail(said);
      const needed = found.steps.filter(({ source }) => source !== "hydrated").map(({ row }) => row);
      assert.ok(received(needed, hydrated).has(at), `${said}: ${at} is not reached`);
      for (const left of needed)
        assert.ok(
          !received(
            needed.filter((row) => row !== left),
            hydrated,
          ).has(at),
          `${said}: ${at} can do without ${left.label}`,
        );
      const all = found.steps.map(({ row }) => row);
      assert.deepEqual(
        all.map((row) => row.parent),
        [null, ...all.slice(0, -1).map((row) => row.label)],
        `${said}: ${at} is no chain`,
      );
      assert.equal(all.at(-1)?.label, at, said);
      const closure = rows.filter((row) => chainOf(rows, row.label)?.some((link) => link.label === at));
      assert.deepEqual(
        labelsResting(rows, at),
        closure.map((row) => row.label),
        `${said}: resting on ${at}`,
      );
      for (const hole of found.holes)
        assert.deepEqual(
          hole.costs,
          rows
            .filter((row) => ask(row.label)?.holes.some((other) => other.row === hole.row))
            .map((row) => row.label),
          `${said}: the hole ${hole.row.label}`,
        );
    }
  }
});

/** The labels that stand once `rows` were received in their order: an increment needs its parent. */
function received(rows: Manifest, hydrated: ReadonlySet<Label>): Set<Label> {
  const standing = new Set(hydrated);
  for (const row of rows) if (row.parent === null || standing.has(row.parent)) standing.add(row.label);
  return standing;
}

/** Up to a dozen months; each an anchor, or an increment on the month before or, now and then, on any earlier one. */
function randomHistory(random: () => number): ManifestRow[] {
  const rows: ManifestRow[] = [];
  for (let month = 1; month <= 1 + Math.floor(random() * 12); month += 1) {
    const at = label(`2026-${String(month).padStart(2, "0")}`);
    const before = random() < 0.8 ? rows.at(-1) : rows[Math.floor(random() * rows.length)];
    const parent = random() < 0.2 ? null : (before?.label ?? null);
    const [row = assert.fail()] = history(`${at} full ${Math.floor(random() * 1000)}`);
    const localPath = artifactPath({ dataset: DEV, label: at, parent });
    rows.push({ ...row, parent, localPath, objectKey: `dev/${localPath}` });
  }
  return rows;
}

function randomCopies(random: () => number): Copies {
  const any = () => standing("+++-x?"[Math.floor(random() * 6)]);
  return { server: any(), bucket: any() };
}

/** mulberry32: the same numbers for the same seed, so that a failure can be run again. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
