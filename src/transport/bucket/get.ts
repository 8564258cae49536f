import { DevbackupError } from "../../domain/trouble.ts";
import { failureOf } from "./failure.ts";
import { type Attempt, withRetries } from "./retry.ts";
import type { Store } from "./store.ts";
import { bucketError } from "./trouble.ts";

/**
 * A small object as it is; undefined where it is not there.
 * @throws DevbackupError of the store (`trouble.ts`); `object-too-large` (exit 6) where it has more than
 *   `maxBytes`: no more of it is read.
 */
export function get(store: Store, key: string, maxBytes: number): Promise<Uint8Array | undefined> {
  // the SDK tries again until an answer begins; one that breaks off is asked for again here
  const attempt = async (): Promise<Attempt<Uint8Array | undefined>> => {
    const body = await open(store, key);
    if (body === undefined) return { kind: "done", value: undefined };
    try {
      return { kind: "done", value: await readUpTo(body, maxBytes, store, key) };
    } catch (error) {
      const failure = failureOf(error, new Date());
      if (failure === undefined) throw error;
      return {
        kind: "again",
        error: bucketError(failure, store.cloud, { doing: `get ${key}` }),
        retryAfterMs: undefined,
      };
    }
  };
  return withRetries(attempt, store.patience, new AbortController().signal);
}

function open(store: Store, key: string): Promise<ReadableStream<Uint8Array> | undefined> {
  const { sdk, client, cloud } = store;
  return store.ask(`get ${key}`, async () => {
    try {
      const { Body } = await client.send(new sdk.GetObjectCommand({ Bucket: cloud.bucket, Key: key }));
      return Body?.transformToWebStream();
    } catch (error) {
      if (error instanceof sdk.NoSuchKey) return undefined;
      throw error;
    }
  });
}

async function readUpTo(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  store: Store,
  key: string,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  // leaving the loop lets go of the connection
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) throw tooLarge(store, key, maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (store: Store, key: string, maxBytes: number): DevbackupError =>
  new DevbackupError({
    code: "object-too-large",
    exitCode: 6,
    what: `${key} in the bucket ${store.cloud.bucket} is not what belongs there`,
    why: `it has more than ${maxBytes} bytes`,
    state: "nothing was taken from it",
    next: "put the object back from another copy, then run the same command again",
  });
