import { parseSha256, type Sha256 } from "../../domain/names.ts";
import { AGAIN, DevbackupError } from "../../domain/trouble.ts";
import type { Host } from "../host.ts";
import { parseGetAnswer } from "./download-script.ts";
import { type Failure, isPassing, verdictOf } from "./failure.ts";
import { hashScript } from "./hash-script.ts";
import type { BucketHead } from "./object.ts";
import { type Attempt, again, withRetries } from "./retry.ts";
import type { Store } from "./store.ts";
import { bucketError } from "./trouble.ts";

export interface HashRequest {
  readonly key: string;
  /** Left out: none of it is to be cut short. */
  readonly signal?: AbortSignal;
}

/** What an object is, by all of its bytes. */
export type Hashed =
  | { readonly kind: "hashed"; readonly sha256: Sha256; readonly sizeBytes: number; readonly etag: string }
  | { readonly kind: "missing" }
  /** It can't be read now. */
  | { readonly kind: "archived"; readonly archive: string }
  /** Another object took its place meanwhile. */
  | { readonly kind: "changed"; readonly why: string };

interface HashJob {
  readonly store: Store;
  readonly host: Host;
  readonly request: HashRequest;
  readonly head: (key: string) => Promise<BucketHead | undefined>;
}

/** What lasts for hours may break off, and goes on with the address that it began with. */
const ADDRESS_VALID_SECONDS = 24 * 3600;

/**
 * Has the host's curl get an object, and hashes it there; nothing of it is kept on any disk.
 * @throws DevbackupError of the store (`trouble.ts`), and `hash-broken` (exit 1) where the host could not do its part;
 *   rejects with `signal.reason` on abort
 */
export async function hash(job: HashJob): Promise<Hashed> {
  const { store, request, head } = job;
  const object = await head(request.key);
  if (object === undefined) return { kind: "missing" };
  if (object.archive !== undefined) return { kind: "archived", archive: object.archive };
  const signal = request.signal ?? new AbortController().signal;
  return withRetries(() => attempt(job, object, signal), store.patience, signal);
}

async function attempt(
  { store, host, request }: HashJob,
  { etag, sizeBytes }: BucketHead,
  signal: AbortSignal,
): Promise<Attempt<Hashed>> {
  const { cloud, stalledSeconds } = store;
  const url = await store.presignGet(request.key, ADDRESS_VALID_SECONDS);
  const limits = { limitBytesPerSecond: cloud.bandwidthLimitBytesPerSecond ?? undefined, stalledSeconds };
  const script = hashScript({ sizeBytes, etag, limits });
  const { exitCode, stdout, stderr } = await host.run(script, { stdin: `${url}\n`, signal });
  const [, answered = stdout, sum = ""] = /^([\s\S]*)sha256 ([0-9a-f]{64})\n$/.exec(stdout) ?? [];
  const sha256 = parseSha256(sum);
  const answer = parseGetAnswer(exitCode, answered, stderr, new Date());
  switch (answer.kind) {
    case "changed":
    case "missing":
      return { kind: "done", value: answer };
    case "broken":
      throw broken(host, request, answer.why);
    case "got": {
      if (sha256 !== undefined) return { kind: "done", value: { kind: "hashed", sha256, sizeBytes, etag } };
      const failure = answer.failure ?? ENDED_EARLY;
      const error = bucketError(failure, cloud, { doing: `get ${request.key}`, host: host.name });
      const verdict = verdictOf(failure);
      if (!isPassing(verdict) && verdict !== "expired") throw error;
      return again(failure, error);
    }
  }
}

const ENDED_EARLY: Failure = { kind: "unreached", reason: "broken", message: "the answer ended early" };

const broken = (host: Host, { key }: HashRequest, why: string): DevbackupError =>
  new DevbackupError({
    code: "hash-broken",
    exitCode: 1,
    host: host.name,
    what: `${key} could not be read from the bucket`,
    why,
    state: "Nothing was changed; it is safe to run again",
    next: AGAIN,
  });
