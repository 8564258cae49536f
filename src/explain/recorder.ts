import type { CloudSpec } from "../desired-state/desired-state.ts";
import type { HostName, Sha256 } from "../domain/names.ts";
import type { Action } from "../plan/plan.ts";
import type { Reconciler, Tools } from "../reconcilers/reconciler.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import * as download from "../transport/bucket/download-script.ts";
import * as upload from "../transport/bucket/upload-script.ts";
import type { Host } from "../transport/host.ts";
import { KNOWN_LATER, type Step } from "./explanation.ts";

/** Stand-ins that pass for a hash and a size wherever one is read, until they are shown. */
export const SHA256 = "7e".repeat(32) as Sha256;
export const BYTES = 7_770_000_000_000;
/** A hash, a size, and two counts: what scripts that are asked for one answer. */
const ANSWER = { exitCode: 0, stdout: `${SHA256}\n${BYTES}\n1 1\n`, stderr: "" };

/** Ends a carrying out that would go on by what a host, or the bucket, answers. */
class Unanswered extends Error {}

/**
 * What carrying `action` out comes to, found out by doing it on hosts and a bucket that only write down what they are
 * told. Nothing is contacted, started or read. `whole` is false where it goes on by answers that nobody has yet.
 */
export async function record(
  reconciler: Reconciler,
  action: Action,
  { cloud, now }: { readonly cloud: CloudSpec | null; readonly now: Date },
): Promise<{ readonly steps: readonly Step[]; readonly whole: boolean }> {
  const steps: Step[] = [];
  const tools = recordingTools(steps, cloud, now);
  const whole = await reconciler.run(action, tools).then(
    () => true,
    // whatever it trips over is an answer that it did not get
    () => false,
  );
  return { steps: steps.map(asShown), whole };
}

function recordingTools(steps: Step[], cloud: CloudSpec | null, now: Date): Tools {
  const here = (does: string): void => {
    steps.push({ kind: "here", does });
  };
  return {
    host: (name) => recordingHost(name, steps),
    bucket: async () => recordingBucket(cloud, here),
    escrow: async () => {
      here(
        "take the key out of the escrow, which the recovery identity opens; it goes to the script on stdin",
      );
      return { backupKeyFile: "-", signKeyFile: "-" };
    },
    trust: async (_, signer) =>
      here(`remember from now on whose signature the manifest must have: ${signer}`),
    keepEscrow: async () => here("keep that copy of the escrow in the controller's own folder"),
    scheduled: async () => {
      here(
        "take this very program with its Node, and the secrets that its runs need; they go to the script on stdin",
      );
      return { files: [], secret: async () => "" };
    },
    now: () => now,
    signal: new AbortController().signal,
    progress: () => {},
    besides: () => {},
    assertHeld: () => {},
  };
}

function recordingHost(name: HostName, steps: Step[]): Host {
  return {
    name,
    run: async (script, { stdin = "" } = {}) => {
      steps.push({ kind: "script", host: name, script, fed: stdin.length > 0 });
      return ANSWER;
    },
    start: async () => {
      throw new Unanswered();
    },
    shellArgv: () => {
      throw new Unanswered();
    },
    notePipe: async ({ from, source, to, sink }) => {
      steps.push({ kind: "pipe", from: from.name, source, to: to.name, sink });
      return {
        source: { exitCode: 0, stderr: `sha256 ${SHA256}\n` },
        sink: { exitCode: 0, stdout: `${SHA256} ${BYTES} 1\n`, stderr: "" },
      };
    },
    close: async () => {},
  };
}

function recordingBucket(cloud: CloudSpec | null, here: (does: string) => void): Bucket {
  const unanswered = async (): Promise<never> => {
    throw new Unanswered();
  };
  const limits = {
    limitBytesPerSecond: cloud?.bandwidthLimitBytesPerSecond ?? undefined,
    stalledSeconds: 60,
  };
  const signed = "sign addresses for that here, and hand them to the host's curl on stdin";
  return {
    list: unanswered,
    unfinishedUploads: unanswered,
    lockDays: unanswered,
    head: unanswered,
    get: unanswered,
    presignGet: unanswered,
    hash: unanswered,
    close: () => {},
    delete: async (key) => here(`delete ${key} in the bucket`),
    abortUpload: async ({ key }) => here(`give up the unfinished upload of ${key} in the bucket`),
    upload: async (host, { file, key, sizeBytes, sha256 }) => {
      here(`send it to ${key} in the bucket, in parts where it is large: ${signed}`);
      const part = { number: 1, offsetBytes: 0, sizeBytes };
      await host.run(upload.putScript({ file, part, headers: [`x-amz-meta-sha256: ${sha256}`], limits }), {
        stdin: "-",
      });
      return { etag: "", sizeBytes, parts: 1, resumedParts: 0 };
    },
    download: async (host, { file, key, sizeBytes }) => {
      here(`get ${key} out of the bucket: ${signed}`);
      await host.run(download.getScript({ file, sizeBytes, etag: KNOWN_LATER.etag, limits }), { stdin: "-" });
      return { sizeBytes, resumedBytes: 0 };
    },
  };
}

const asShown = (step: Step): Step =>
  inScripts(step, (script) =>
    script.replaceAll(SHA256, KNOWN_LATER.sha256).replaceAll(String(BYTES), KNOWN_LATER.bytes).trim(),
  );

/** Of a step in which stand-ins were hashed, and no hash means anything, or that holds digests of secrets. */
export const withoutHashes = (step: Step): Step =>
  inScripts(step, (script) => script.replaceAll(/\b[0-9a-f]{64}\b/g, KNOWN_LATER.sha256));

function inScripts(step: Step, shown: (script: string) => string): Step {
  if (step.kind === "script") return { ...step, script: shown(step.script) };
  if (step.kind === "pipe") return { ...step, source: shown(step.source), sink: shown(step.sink) };
  return step;
}
