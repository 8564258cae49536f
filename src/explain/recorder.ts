import type { CloudSpec } from "../desired-state/desired-state.ts";
import type { Action } from "../plan/plan.ts";
import type { Reconciler, Tools } from "../reconcilers/reconciler.ts";
import { BYTES, recordingTools, SHA256, type Told, UNANSWERING_BUCKET } from "../reconcilers/recorder.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import * as download from "../transport/bucket/download-script.ts";
import * as upload from "../transport/bucket/upload-script.ts";
import { KNOWN_LATER, type Step } from "./explanation.ts";

/**
 * What carrying `action` out comes to, found out by doing it on hosts and a bucket that only write down what they are
 * told. `whole` is false where it goes on by answers that nobody has yet.
 */
export async function record(
  reconciler: Reconciler,
  action: Action,
  { cloud, now }: { readonly cloud: CloudSpec | null; readonly now: Date },
): Promise<{ readonly steps: readonly Step[]; readonly whole: boolean }> {
  const steps: Step[] = [];
  const tools = toolsFor(steps, cloud, now);
  const whole = await reconciler.run(action, tools).then(
    () => true,
    // whatever it trips over is an answer that it did not get
    () => false,
  );
  return { steps: steps.map(asShown), whole };
}

function toolsFor(steps: Step[], cloud: CloudSpec | null, now: Date): Tools {
  const here = (does: string): void => {
    steps.push({ kind: "here", does });
  };
  return {
    ...recordingTools(now, (told) => steps.push(stepOf(told))),
    bucket: async () => bucketFor(here, cloud),
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
  };
}

/** What a script gets on stdin is not told. */
function stepOf(told: Told): Step {
  if (told.kind === "pipe") return told;
  const { kind, host, script, stdinBytes } = told;
  return { kind, host, script, fed: stdinBytes > 0 };
}

/** Of an upload or a download the one script that does it. */
function bucketFor(here: (does: string) => void, cloud: CloudSpec | null): Bucket {
  const limits = {
    limitBytesPerSecond: cloud?.bandwidthLimitBytesPerSecond ?? undefined,
    stalledSeconds: 60,
  };
  const signed = "sign addresses for that here, and hand them to the host's curl on stdin";
  return {
    ...UNANSWERING_BUCKET,
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
