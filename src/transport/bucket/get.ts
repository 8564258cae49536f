import { Readable } from "node:stream";
import { DevbackupError } from "../../domain/trouble.ts";
import { StrangeAnswer } from "./failure.ts";
import { BodyTooLarge, readBody } from "./read-body.ts";
import type { Store } from "./store.ts";

/**
 * A small object as it is; undefined where it is not there.
 * @throws DevbackupError of the store (`trouble.ts`); `object-too-large` (exit 6) where it has more than
 *   `maxBytes`: no more of it is read.
 */
export function get(store: Store, key: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const { sdk, client, cloud, stalledSeconds } = store;
  return store.ask(`get ${key}`, async () => {
    try {
      const { Body, ETag } = await client.send(new sdk.GetObjectCommand({ Bucket: cloud.bucket, Key: key }));
      if (!(Body instanceof Readable)) throw new TypeError("an answer's body is a stream");
      if (ETag === undefined) {
        Body.destroy();
        throw new StrangeAnswer("the answer has no ETag, which every object has");
      }
      return await readBody(Body, { maxBytes, stalledSeconds });
    } catch (error) {
      if (error instanceof sdk.NoSuchKey) return undefined;
      throw error instanceof BodyTooLarge ? tooLarge(store, key, maxBytes) : error;
    }
  });
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
