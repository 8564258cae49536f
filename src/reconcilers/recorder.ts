import type { HostName, Sha256 } from "../domain/names.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import type { Tools } from "./reconciler.ts";

/** What passes for a hash and a size wherever one is read. */
export const SHA256 = "7e".repeat(32) as Sha256;
export const BYTES = 7_770_000_000_000;

/** What a host is told. */
export type Told =
  | {
      readonly kind: "script";
      readonly host: HostName;
      readonly script: string;
      /** How much it gets on stdin. */
      readonly stdinBytes: number;
    }
  | {
      readonly kind: "pipe";
      readonly from: HostName;
      readonly source: string;
      readonly to: HostName;
      readonly sink: string;
    };

/** Ends a carrying out that goes on by what a host, or the bucket, answers. */
export class Unanswered extends Error {}

const unanswered = async (): Promise<never> => {
  throw new Unanswered("nobody is there to answer");
};

/** As a host where all goes well: a hash, a size, and two counts, which are what scripts are asked for. */
const ANSWER = { exitCode: 0, stdout: `${SHA256}\n${BYTES}\n1 1\n`, stderr: "" };

/**
 * What an action is carried out with to learn what that comes to: hosts that only write down what they are told, and a
 * bucket that answers nothing. Nothing is contacted, started or read.
 */
export const recordingTools = (now: Date, tell: (told: Told) => void): Tools => ({
  host: (name) => recordingHost(name, tell),
  bucket: async () => UNANSWERING_BUCKET,
  escrow: unanswered,
  trust: unanswered,
  keepEscrow: unanswered,
  now: () => now,
  signal: new AbortController().signal,
  progress: () => {},
  besides: () => {},
  assertHeld: () => {},
});

const recordingHost = (name: HostName, tell: (told: Told) => void): Host => ({
  name,
  run: async (script, { stdin = "" } = {}) => {
    tell({ kind: "script", host: name, script, stdinBytes: stdin.length });
    return ANSWER;
  },
  start: unanswered,
  shellArgv: () => {
    throw new Unanswered("nobody is there to answer");
  },
  notePipe: async ({ from, source, to, sink }) => {
    tell({ kind: "pipe", from: from.name, source, to: to.name, sink });
    return {
      source: { exitCode: 0, stderr: `sha256 ${SHA256}\n` },
      sink: { exitCode: 0, stdout: `${SHA256} ${BYTES} 1\n`, stderr: "" },
    };
  },
  close: async () => {},
});

/** What it is asked for besides is for who records. */
export const UNANSWERING_BUCKET: Bucket = {
  list: unanswered,
  unfinishedUploads: unanswered,
  lockDays: unanswered,
  head: unanswered,
  upload: unanswered,
  download: unanswered,
  hash: unanswered,
  get: unanswered,
  delete: unanswered,
  abortUpload: unanswered,
  presignGet: unanswered,
  close: () => {},
};
