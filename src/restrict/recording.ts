import type { CloudSpec, DatasetSpec } from "../desired-state/desired-state.ts";
import type { HostName } from "../domain/names.ts";
import { actionId, propose } from "../reconcilers/answer.ts";
import type { Reconciler, Tools } from "../reconcilers/reconciler.ts";
import { recordingTools, type Told, UNANSWERING_BUCKET, Unanswered } from "../reconcilers/recorder.ts";
import { marked } from "../transport/bootstrap.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import { READ_ADDRESS } from "../transport/bucket/curl.ts";
import * as download from "../transport/bucket/download-script.ts";
import { hashScript } from "../transport/bucket/hash-script.ts";
import * as upload from "../transport/bucket/upload-script.ts";
import { LET_GO } from "../transport/fence.ts";
import type { Host } from "../transport/host.ts";
import { counted } from "../transport/scripted-host.ts";
import { STAND_IN } from "./pattern.ts";

/** Carries things out as a run does, and keeps what one server is told of it. */
export interface Recording {
  readonly host: Host;
  readonly tools: Tools;
  /** So far, as it travels, {@link STAND_IN.preface} where the lock's would stand. */
  readonly scripts: readonly string[];
  readonly carryOut: <Input>(
    reconciler: Reconciler<Input>,
    input: Input,
    dataset: DatasetSpec,
    /** Whose action it is; default: the server's. */
    host?: HostName,
  ) => Promise<void>;
}

export function record(name: HostName, cloud: CloudSpec | null): Recording {
  const scripts: string[] = [];
  const tell = (told: Told): void => {
    if (told.kind === "script") {
      if (told.host === name)
        scripts.push(marked(counted(`${STAND_IN.preface}${told.script}`, told.stdinBytes)));
      return;
    }
    if (told.from === name) scripts.push(`${STAND_IN.preface}${LET_GO}\n${told.source}`);
    if (told.to === name) scripts.push(`${STAND_IN.preface}${told.sink}`);
  };
  const tools: Tools = {
    ...recordingTools(STAND_IN.now, tell),
    bucket: async () => recordingBucket(cloud),
  };
  /** What is told where a pipe ends badly, too. */
  const brokenPipes: Tools = {
    ...tools,
    host: (of) => ({
      ...tools.host(of),
      notePipe: async () => {
        throw new Unanswered();
      },
    }),
  };
  const carryOut: Recording["carryOut"] = async (reconciler, input, spec, host = name) => {
    const action = propose(reconciler.kind, spec, {
      id: actionId(reconciler.kind, spec.name, STAND_IN.label),
      host,
      label: STAND_IN.label,
      stage: "provision",
      change: "create",
      summary: "",
      reason: "",
      input,
    });
    await reconciler.run(action, tools);
    await reconciler.run(action, brokenPipes).catch((error: unknown) => {
      if (!(error instanceof Unanswered)) throw error;
    });
  };
  return { host: tools.host(name), tools, scripts, carryOut };
}

/** Those of the bucket's scripts that read something. */
const isFed = (script: string): boolean =>
  script.startsWith(READ_ADDRESS.join("\n")) || /^cat > /m.test(script);

/** Has the host do its part of an upload or a download, every step that there can be. */
function recordingBucket(cloud: CloudSpec | null): Bucket {
  const limits = {
    limitBytesPerSecond: cloud?.bandwidthLimitBytesPerSecond ?? undefined,
    stalledSeconds: 60,
  };
  const { sha256, token, number: sizeBytes } = STAND_IN;
  return {
    ...UNANSWERING_BUCKET,
    delete: async () => {},
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
