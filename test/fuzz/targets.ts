import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recall } from "../../src/controller/memory.ts";
import { importConfig } from "../../src/desired-state/import-config.ts";
import { checkDesiredState } from "../../src/desired-state/load.ts";
import { parseToml } from "../../src/desired-state/read-toml.ts";
import { renderProblems } from "../../src/desired-state/render-problems.ts";
import { artifactFile, parseArtifactFile } from "../../src/domain/artifact.ts";
import type { Fact } from "../../src/domain/fact.ts";
import { parseManifest, parseRow, renderManifest, renderRow } from "../../src/domain/manifest.ts";
import { matchFiles } from "../../src/domain/migrate.ts";
import { fileName, parseAbsolutePath } from "../../src/domain/names.ts";
import { parseOlderManifest } from "../../src/domain/older-manifest.ts";
import { printable, printableText } from "../../src/domain/printable.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { type RunFigures, renderMetrics } from "../../src/notify/prometheus.ts";
import { readAnswers } from "../../src/observe/merge.ts";
import { firstDrift } from "../../src/plan/drift.ts";
import { parseSavedPlan } from "../../src/plan/saved.ts";
import { planFrom } from "../../src/reconcilers/diff-all.ts";
import { type DatasetFacts, datasetProbes } from "../../src/reconcilers/facts.ts";
import { type SystemFacts, systemProbe } from "../../src/reconcilers/machine/system.ts";
import type { Probe } from "../../src/reconcilers/probe.ts";
import { parseEscrow } from "../../src/recovery/escrow.ts";
import { openIdentity } from "../../src/recovery/identity.ts";
import { planJson } from "../../src/report/plan-json.ts";
import { planText } from "../../src/report/plan-text.ts";
import { parseMachine, parsePath } from "../../src/setup/machine.ts";
import { proposePath, proposeRepository, proposeSnapshots } from "../../src/setup/proposals.ts";
import { judgePath } from "../../src/setup/verdicts.ts";
import { parseGetAnswer } from "../../src/transport/bucket/download-script.ts";
import { list, unfinishedUploads } from "../../src/transport/bucket/list.ts";
import { bucketError } from "../../src/transport/bucket/trouble.ts";
import { parsePutAnswer } from "../../src/transport/bucket/upload-script.ts";
import { parseUploadState, printUploadState } from "../../src/transport/bucket/upload-state.ts";
import { readResolved } from "../../src/transport/ssh/config.ts";
import { judge, keyType, readFound } from "../../src/transport/ssh/known-hosts.ts";
import { DEV } from "../domain/history.ts";
import { type Case, desired, lookAt } from "../reconcilers/world.ts";
import { printSentPart } from "../transport/bucket/sent-part.ts";
import { type Answering, openAnswering } from "./answering.ts";
import * as recorded from "./recorded.ts";

/** One parser, inputs that it was really given, and what it promises of any other. */
export interface Target {
  readonly name: string;
  readonly inputs: readonly string[];
  /** Throws where a promise is broken. */
  readonly holds: (input: string) => void | Promise<void>;
}

/** Only trouble that is meant for people may be thrown. */
async function onlyTrouble(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
  }
}

const shown = (text: string): void => assert.equal(printableText(text), text);

/** A run that could tell nothing: all else is kept. */
const FAILED: RunFigures = {
  endedAt: new Date("2026-03-01T03:00:00Z"),
  durationMs: 1_000,
  exitCode: 4,
  unapproved: null,
  warnings: null,
  datasets: ["dev"],
  sound: new Set(),
  newest: new Map(),
};

const STATE = desired();
const [SPEC = assert.fail()] = STATE.datasets;
const PROBES: Readonly<Record<string, Probe<unknown>>> = {
  ...datasetProbes(SPEC, null),
  system: systemProbe(SPEC.server),
};
const TEXT = { color: false, width: 80, verbose: true };

/** What a host says becomes a fact, whatever it says, and what follows from that a plan that can be shown. */
const probed = (name: string, probe: Probe<unknown>): Target => ({
  name: `probe-${name}`,
  inputs: recorded.PROBED[name] ?? [],
  holds: (input) => {
    const fact = probe.parse(input);
    assert(["known", "absent", "unknown"].includes(fact.kind));
    for (const restore of [null, { label: "latest" as const, to: null }]) {
      const given: Case = { rows: "2026-01 full 100, 2026-02 incr 10", target: "2026-03" };
      const seen = lookAt({
        ...given,
        ...(restore === null ? {} : { restore }),
        ...(name === "system"
          ? { system: fact as Fact<SystemFacts> }
          : { change: { [name]: fact } as Partial<DatasetFacts> }),
      });
      const plan = planFrom(seen.desired, seen.observed, seen.request);
      shown(planText(plan, TEXT));
      JSON.stringify(planJson(plan));
    }
  },
});

const memory = mkdtempSync(join(tmpdir(), "devbackup-fuzz-"));
process.on("exit", () => rmSync(memory, { recursive: true, force: true }));

const CLOUD = STATE.cloud ?? assert.fail();
let answering: Promise<Answering> | undefined;
/** A store whose every answer is this body. */
async function storeThatSays(body: string): Promise<Answering["store"]> {
  answering ??= openAnswering(CLOUD);
  const { store, say } = await answering;
  say(body);
  return store;
}
const NOW = new Date("2026-06-01T00:00:00Z");
const FRESH = (() => {
  const { desired: state, observed, request } = lookAt({ rows: "2026-01 full 100", target: "2026-03" });
  return planFrom(state, observed, request);
})();

export const TARGETS: readonly Target[] = [
  {
    name: "yaml",
    inputs: recorded.STATES,
    holds: (input) => {
      const loaded = checkDesiredState(input, { file: "fuzz.yaml", home: "/root" });
      if (loaded.kind === "invalid") {
        assert(loaded.problems.length > 0, "invalid, and nobody knows why");
        for (const { line, col } of loaded.problems) assert(line >= 1 && col >= 1);
        shown(renderProblems(loaded.problems, { colour: false }).replaceAll("\t", ""));
        return;
      }
      for (const { path, repository, snapshots, workingCopy } of loaded.desired.datasets)
        for (const place of [path, repository, snapshots, ...(workingCopy === null ? [] : [workingCopy])])
          assert.equal(parseAbsolutePath(place), place);
    },
  },
  {
    name: "toml",
    inputs: recorded.TOMLS,
    holds: (input) =>
      onlyTrouble(() => {
        const read = parseToml("fuzz.toml", input);
        const imported =
          read.kind === "refused"
            ? read
            : importConfig(read.source, {}, { home: "/home/chuck", user: "chuck" });
        if (imported.kind === "imported") {
          assert.equal(checkDesiredState(imported.text, { file: "fuzz.yaml", home: "/root" }).kind, "valid");
          return;
        }
        assert(imported.problems.length > 0, "refused, and nobody knows why");
        for (const { line, col } of imported.problems) assert(line >= 1 && col >= 1);
        shown(renderProblems(imported.problems, { colour: false }).replaceAll("\t", ""));
      }),
  },
  {
    name: "manifest",
    inputs: recorded.MANIFESTS,
    holds: (input) => {
      const reading = parseManifest(input, DEV);
      // one that is read is the very one that these rows are written as: nothing of it is passed over
      if (reading.kind === "valid") assert.equal(renderManifest(reading.rows), input);
      else assert(reading.line >= 1);
    },
  },
  {
    name: "older-manifest",
    inputs: recorded.OLDER_MANIFESTS,
    holds: (input) => {
      const rows = parseOlderManifest(input, DEV) ?? [];
      const paths = recorded.ROWS.map(({ localPath }) => localPath);
      const { matched, leftOut } = matchFiles(rows, paths, DEV);
      // each file is some row's, or is told; and each row has its file, is told, or is followed by one of its label
      const spoken = [...matched.map(({ path }) => path), ...leftOut.map(({ what }) => what)].map(fileName);
      for (const path of paths) assert(spoken.includes(fileName(path)), path);
      for (const { path, row } of matched) assert(paths.includes(path) && rows.includes(row));
    },
  },
  {
    name: "row",
    inputs: recorded.ROWS.map(renderRow),
    holds: (input) => {
      const row = parseRow(input, DEV);
      if (typeof row === "string") return;
      assert.equal(renderRow(row), input);
      assert(!Number.isNaN(Date.parse(row.ts)), `${row.ts} is no time`);
    },
  },
  {
    name: "artifact-name",
    inputs: recorded.ROWS.map(({ localPath }) => localPath.slice(localPath.lastIndexOf("/") + 1)),
    holds: (input) => {
      const ref = parseArtifactFile(DEV, input);
      if (ref !== undefined) assert.equal(artifactFile(ref), input);
    },
  },
  ...Object.entries(PROBES).map(([name, probe]) => probed(name, probe)),
  {
    name: "answers",
    inputs: recorded.MERGED.outputs,
    holds: (input) => {
      for (const answer of readAnswers({ stdout: input, stderr: input, exitCode: 0 }, recorded.MERGED.nonce))
        if (answer !== undefined) assert(!answer.stdout.includes(`${recorded.MERGED.nonce} 0 0\n`));
    },
  },
  {
    name: "plan-file",
    inputs: recorded.PLANS,
    holds: (input) => {
      const saved = parseSavedPlan(input);
      if (saved === undefined) return;
      shown(planText(saved.plan, TEXT));
      JSON.stringify(planJson(saved.plan));
      firstDrift(saved.plan, FRESH, { saved: true });
    },
  },
  {
    name: "seen",
    inputs: recorded.SEEN,
    holds: async (input) => {
      writeFileSync(join(memory, "seen.json"), input);
      const fact: Fact<unknown> = await recall({ folder: memory });
      assert(["known", "unknown"].includes(fact.kind));
    },
  },
  {
    name: "listing",
    inputs: recorded.LISTINGS,
    holds: (input) =>
      onlyTrouble(async () => {
        for (const { key, sizeBytes, lastModified } of await list(await storeThatSays(input), "dev/")) {
          assert(key.startsWith("dev/") && sizeBytes >= 0, `${key} ${sizeBytes}`);
          assert(!Number.isNaN(lastModified.getTime()), String(lastModified));
        }
      }),
  },
  {
    name: "uploads",
    inputs: recorded.UNFINISHED,
    holds: (input) =>
      onlyTrouble(async () => {
        const uploads = await unfinishedUploads(await storeThatSays(input), "dev/");
        if (uploads.kind === "known")
          for (const { key, uploadId } of uploads.value)
            assert(key.startsWith("dev/") && uploadId !== "", `${key} ${uploadId}`);
      }),
  },
  {
    name: "put-answer",
    inputs: recorded.PUT_ANSWERS,
    holds: (input) => {
      const answer = parsePutAnswer(0, input, input, NOW);
      if (answer.kind === "failed") bucketError(answer.failure, CLOUD, { doing: "put x" });
    },
  },
  {
    name: "get-answer",
    inputs: recorded.GET_ANSWERS,
    holds: (input) => {
      const answer = parseGetAnswer(0, input, input, NOW);
      if (answer.kind === "got" && answer.failure !== undefined)
        bucketError(answer.failure, CLOUD, { doing: "get x" });
    },
  },
  {
    name: "upload-state",
    inputs: recorded.UPLOADS,
    holds: (input) => {
      const state = parseUploadState(input);
      if (state === undefined) return;
      const again = printUploadState(state) + [...state.sent.values()].map(printSentPart).join("");
      assert.deepEqual(parseUploadState(again), state);
    },
  },
  {
    name: "escrow",
    inputs: recorded.ESCROWS,
    holds: (input) => onlyTrouble(() => parseEscrow(input, DEV)),
  },
  {
    name: "identity",
    inputs: recorded.IDENTITIES,
    holds: (input) => {
      const file = join(memory, "identity");
      writeFileSync(file, input, { mode: 0o600 });
      const noPassphrase = () =>
        Promise.reject(
          new DevbackupError({ code: "no-passphrase", exitCode: 1, what: "a passphrase is wanted" }),
        );
      return onlyTrouble(() => openIdentity(file, noPassphrase));
    },
  },
  {
    name: "ssh-config",
    inputs: recorded.SSH_ANSWERS,
    holds: (input) => {
      const spec = { kind: "ssh", address: "ls" } as never;
      return onlyTrouble(() => {
        const { port, connectTimeoutMs, keepAlive } = readResolved(spec, { env: {} }, input);
        assert(Number.isInteger(port) && port > 0 && port < 65_536, `port ${port}`);
        for (const number of [connectTimeoutMs, keepAlive.intervalMs, keepAlive.countMax])
          assert(Number.isSafeInteger(number) && number >= 0, String(number));
      });
    },
  },
  {
    // of Prometheus, as it was before the run: others may write there, too
    name: "textfile",
    inputs: recorded.TEXTFILES,
    holds: (input) => {
      const text = renderMetrics(FAILED, input);
      for (const line of text.split("\n").slice(0, -1))
        assert.match(line, /^(?:# (?:HELP|TYPE) .+|devbackup_[a-z_]+(?:\{dataset="dev"\})? \d+(?:\.\d+)?)$/);
      assert.equal(renderMetrics(FAILED, text), text);
    },
  },
  {
    name: "known-hosts",
    inputs: recorded.KNOWN_HOSTS,
    holds: (input) => {
      const keys = readFound(input, "/known_hosts");
      const offered = Buffer.from("0000000b7373682d65643235353139", "hex");
      for (const { blob } of keys) keyType(blob);
      const verdict = judge({ lookupName: "x", keys, files: [] }, offered);
      if (verdict.kind === "known")
        assert(keys.some(({ blob, kind }) => kind === "key" && blob.equals(offered)));
    },
  },
  {
    // what `init` proposes stands in a prompt as the host said it
    name: "setup-look",
    inputs: [
      "user ann\nhome /home/ann\nfolder code\nbtrfs / 6f0c 175 rw,relatime\nbtrfs /mnt/a\\x20b  9 ro\n",
      "place btrfs 6f0c / /home rw\nroom 175 256\nreal /home/ann/code\nkind directory\nowner ann\nempty\n",
    ],
    holds: (input) => {
      const machine = parseMachine(input);
      const facts = parsePath(input);
      if (machine === undefined) return;
      const proposed = [
        proposePath(machine),
        proposeSnapshots(machine, "/home/ann/code"),
        proposeRepository(machine, "dev", machine.btrfs[0]),
      ];
      for (const path of proposed) assert.equal(printable(path), path);
      if (facts !== undefined) judgePath("/home/ann/code", facts, machine);
    },
  },
];
