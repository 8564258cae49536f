import type { CloudSpec } from "../../desired-state/desired-state.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { failureOf, verdictOf } from "./failure.ts";
import type { Patience } from "./retry.ts";
import { type BucketKeys, type BucketTuning, openStore } from "./store.ts";

export type Right = "write" | "read" | "list" | "delete";

/** What became of a {@link tryBucket}. */
export type BucketTrial =
  | { readonly kind: "works" }
  /**
   * The keys are good and may not do all that devbackup does. `left`: the key of what was not deleted again, or may have
   * been written by a request whose answer never came.
   */
  | { readonly kind: "lacks"; readonly rights: readonly Right[]; readonly left: string | null }
  | { readonly kind: "failed"; readonly error: DevbackupError; readonly left: string | null };

/** Somebody sits in front of it. */
const PATIENCE: Patience = { attempts: 3, firstDelayMs: 500, longestDelayMs: 1_000 };

/** Writes a small object under `key`, reads it, finds it in a listing, and deletes it. */
export async function tryBucket(
  cloud: CloudSpec,
  keys: BucketKeys,
  key: string,
  tuning: BucketTuning = { patience: PATIENCE },
): Promise<BucketTrial> {
  const store = await openStore(cloud, keys, tuning);
  const { sdk, client } = store;
  const at = { Bucket: cloud.bucket, Key: key };
  const rights: Right[] = [];
  let left: string | null = null;
  /** False where this right alone is lacking; anything else that goes wrong is thrown. */
  const may = async (right: Right, doing: string, request: () => Promise<unknown>): Promise<boolean> => {
    const done = await store.ask(doing, async () => {
      try {
        await request();
        return true;
      } catch (error) {
        const failure = failureOf(error, new Date());
        if (failure !== undefined && verdictOf(failure) === "forbidden") return false;
        throw error;
      }
    });
    if (!done) rights.push(right);
    return done;
  };
  let error: DevbackupError | undefined;
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof DevbackupError)) throw thrown;
      error ??= thrown;
    }
  };
  try {
    await attempt(async () => {
      const written = await may("write", `write ${key}`, async () => {
        try {
          await client.send(new sdk.PutObjectCommand({ ...at, Body: "devbackup init was here\n" }));
          left = key;
        } catch (thrown) {
          if (mayHaveArrived(thrown)) left = key;
          throw thrown;
        }
      });
      await may("list", "list the objects", () =>
        client.send(new sdk.ListObjectsV2Command({ Bucket: cloud.bucket, Prefix: key, MaxKeys: 1 })),
      );
      if (!written) return;
      // unread, the answer would keep its connection
      await may("read", `read ${key}`, async () =>
        (await client.send(new sdk.GetObjectCommand(at))).Body?.transformToByteArray(),
      );
    });
    if (left !== null)
      await attempt(async () => {
        const deleted = await may("delete", `delete ${key}`, () =>
          client.send(new sdk.DeleteObjectCommand(at)),
        );
        if (deleted) left = null;
      });
  } finally {
    client.destroy();
  }
  if (error !== undefined) return { kind: "failed", error, left };
  return rights.length === 0 ? { kind: "works" } : { kind: "lacks", rights, left };
}

/** Of a write that failed: whether the store may have done it all the same, and only its answer was lost. */
function mayHaveArrived(thrown: unknown): boolean {
  const failure = failureOf(thrown, new Date());
  if (failure?.kind === "refused") return failure.status >= 500 && verdictOf(failure) !== "unsupported";
  if (failure?.kind !== "unreached") return false;
  // the SDK calls a request without an answer as it calls a connection that did not come about
  const timedOut =
    thrown instanceof Error && thrown.name === "TimeoutError" && !/establish|^connect /.test(thrown.message);
  return failure.reason === "broken" || timedOut;
}
