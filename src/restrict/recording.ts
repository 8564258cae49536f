import type { CloudSpec, DatasetSpec, HostSpec } from "../desired-state/desired-state.ts";
import { actionId, propose } from "../reconcilers/answer.ts";
import type { Reconciler, Tools } from "../reconcilers/reconciler.ts";
import { marked } from "../transport/bootstrap.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import { READ_ADDRESS } from "../transport/bucket/curl.ts";
import * as download from "../transport/bucket/download-script.ts";
import { hashScript } from "../transport/bucket/hash-script.ts";
import * as upload from "../transport/bucket/upload-script.ts";
import type { Host } from "../transport/host.ts";
import { counted } from "../transport/scripted-host.ts";
import { STAND_IN } from "./pattern.ts";

/** Carries things out as a run does, on a host that only writes down what it is told. */
export interface Recording {
  readonly host: Host;
  readonly tools: Tools;
  /** What was issued so far, as it travels, {@link STAND_IN.preface} where the lock's would stand. */
  readonly scripts: readonly string[];
  readonly carryOut: <Input>(
    reconciler: Reconciler<Input>,
    input: Input,
    dataset: DatasetSpec,
  ) => Promise<unknown>;
}

/** Answers whatever it is asked as a host does where all goes well: a hash, and a size. */
const ANSWER = { exitCode: 0, stdout: `${STAND_IN.sha256}\n${STAND_IN.number}\n`, stderr: "" };

/** Says that a pipe was about to be started: it is two processes of this machine, and nothing is to run. */
class PipeBegins extends Error {}

export function record(name: HostSpec["name"], cloud: CloudSpec | null): Recording {
  const scripts: string[] = [];
  const run: Host["run"] = async (script, { stdin = "" } = {}) => {
    scripts.push(marked(counted(`${STAND_IN.preface}${script}`, stdin.length)));
    return ANSWER;
  };
  const host: Host = {
    name,
    // more than a lock waits for: so its script has the longest that there is
    patienceMs: Number.MAX_SAFE_INTEGER,
    run,
    start: async (script) => {
      scripts.push(marked(script));
      return {
        firstLine: Promise.resolve("held"),
        ended: Promise.resolve(ANSWER),
        alive: () => true,
        silentMs: () => 0,
        stop: async () => {},
      };
    },
    shellArgv: () => {
      throw new PipeBegins();
    },
    close: async () => {},
  };
  const tools: Tools = {
    host: () => host,
    bucket: async () => recordingBucket(cloud),
    escrow: nothing,
    trust: nothing,
    keepEscrow: nothing,
    now: () => STAND_IN.now,
    signal: new AbortController().signal,
    progress: () => {},
    besides: () => {},
    assertHeld: () => {},
  };
  const carryOut: Recording["carryOut"] = async (reconciler, input, spec) => {
    const action = propose(reconciler.kind, spec, {
      id: actionId(reconciler.kind, spec.name, STAND_IN.label),
      host: name,
      label: STAND_IN.label,
      stage: "provision",
      change: "create",
      summary: "",
      reason: "",
      input,
    });
    await reconciler.run(action, tools).catch((error: unknown) => {
      if (!(error instanceof PipeBegins)) throw error;
    });
  };
  return { host, tools, scripts, carryOut };
}

/** Those of the bucket's scripts that read something. */
const isFed = (script: string): boolean =>
  script.startsWith(READ_ADDRESS.join("\n")) || /^cat > /m.test(script);

const nothing = async (): Promise<never> => {
  throw new RangeError("nothing that is carried out here asks for that");
};

/** Has the host do its part of an upload or a download, every step that there can be. */
function recordingBucket(cloud: CloudSpec | null): Bucket {
  const limits = {
    limitBytesPerSecond: cloud?.bandwidthLimitBytesPerSecond ?? undefined,
    stalledSeconds: 60,
  };
  const { sha256, token, number: sizeBytes } = STAND_IN;
  return {
    list: nothing,
    unfinishedUploads: nothing,
    head: nothing,
    get: nothing,
    delete: async () => {},
    abortUpload: nothing,
    presignGet: nothing,
    lockDays: nothing,
    close: () => {},
    upload: async (host, { file, statePath }) => {
      const part = { number: sizeBytes, offsetBytes: sizeBytes, sizeBytes };
      const puts = { file, part, limits };
      for (const script of [
        upload.lookScript(file, statePath),
        upload.beginStateScript(statePath),
        upload.endStateScript(statePath),
        upload.putScript({ ...puts, headers: [`x-amz-meta-sha256: ${sha256}`] }),
        upload.putScript({ ...puts, headers: [], noteIn: { statePath, uploadId: token } }),
      ])
        await host.run(script, { stdin: isFed(script) ? "-" : "" });
      return { etag: token, sizeBytes, parts: 1, resumedParts: 0 };
    },
    download: async (host, { file }) => {
      for (const script of [
        download.lookScript(file),
        download.removeScript(file),
        download.checkScript(file),
        download.getScript({ file, sizeBytes, etag: token, limits }),
      ])
        await host.run(script, { stdin: isFed(script) ? "-" : "" });
      return { sizeBytes, resumedBytes: 0 };
    },
    hash: async (host) => {
      await host.run(hashScript({ sizeBytes, etag: token, limits }), { stdin: "-" });
      return { kind: "hashed", sha256, sizeBytes, etag: token };
    },
  };
}
