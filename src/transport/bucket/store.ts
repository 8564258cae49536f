import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import type { CloudSpec } from "../../desired-state/desired-state.ts";
import { failureOf, isPassing, StrangeAnswer, verdictOf } from "./failure.ts";
import { BodyTooLarge, readBody } from "./read-body.ts";
import {
  type Attempt,
  again,
  DEFAULT_PATIENCE,
  type Patience,
  REQUEST_PATIENCE,
  STALLED_SECONDS,
  withRetries,
} from "./retry.ts";
import { bucketError } from "./trouble.ts";

/** The S3 credentials themselves; they never leave the controller. */
export interface BucketKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What the user has no need to set; tests do. */
export interface BucketTuning {
  readonly patience?: Patience;
  readonly stalledSeconds?: number;
  /** Objects asked for at once when listing; the store's own limit is 1000. */
  readonly listPageSize?: number;
}

type Sdk = typeof import("@aws-sdk/client-s3");

/** The SDK, a client for one store, and its errors turned into ours. */
export interface Store {
  readonly cloud: CloudSpec;
  readonly sdk: Sdk;
  readonly client: S3Client;
  /** For the bytes of one part. */
  readonly patience: Patience;
  readonly stalledSeconds: number;
  readonly listPageSize: number | undefined;
  /**
   * Asks again, within {@link REQUEST_PATIENCE}, while that may help.
   * @param doing what the request is for, as in "cannot …"
   * @throws DevbackupError for every failure of network or store
   */
  readonly ask: <Answer>(doing: string, request: () => Promise<Answer>) => Promise<Answer>;
  /** An address that is good for one PUT of the whole object, with the header `x-amz-meta-sha256: SHA256`. */
  readonly presignPut: (key: string, sha256: string) => Promise<string>;
  /** An address that is good for one PUT of this part. */
  readonly presignPart: (key: string, uploadId: string, partNumber: number) => Promise<string>;
  readonly presignGet: (key: string, seconds: number) => Promise<string>;
}

/** Of an address that is used at once: checked when a request begins, not while its bytes are under way. */
export const ADDRESS_VALID_SECONDS = 3_600;

/** What the controller reads of an answer that is XML: a full page of a listing is a tenth of it. */
const MOST_ANSWER_BYTES = 16 * 1024 * 1024;

/** Loads the SDK (about 100 ms) and makes a client; contacts nothing. */
export async function openStore(cloud: CloudSpec, keys: BucketKeys, tuning: BucketTuning): Promise<Store> {
  const [sdk, { getSignedUrl }] = await Promise.all([
    import("@aws-sdk/client-s3"),
    import("@aws-sdk/s3-request-presigner"),
  ]);
  const stalledSeconds = tuning.stalledSeconds ?? STALLED_SECONDS;
  const client = new sdk.S3Client(clientConfig(cloud, keys, stalledSeconds));
  const Bucket = cloud.bucket;
  const valid = (seconds: number) => ({
    expiresIn: seconds,
    // the SDK learns from the store's answers how far the clock here is off
    signingDate: new Date(Date.now() + client.config.systemClockOffset),
    // as a query parameter it would be signed, but not stored
    unhoistableHeaders: new Set(["x-amz-meta-sha256"]),
  });
  return {
    cloud,
    sdk,
    client,
    patience: tuning.patience ?? DEFAULT_PATIENCE,
    stalledSeconds,
    listPageSize: tuning.listPageSize,
    ask: (doing, request) =>
      withRetries(
        () => attempt(cloud, doing, request),
        tuning.patience ?? REQUEST_PATIENCE,
        new AbortController().signal,
      ),
    presignPut: (Key, sha256) =>
      getSignedUrl(
        client,
        new sdk.PutObjectCommand({ Bucket, Key, Metadata: { sha256 } }),
        valid(ADDRESS_VALID_SECONDS),
      ),
    presignPart: (Key, UploadId, PartNumber) =>
      getSignedUrl(
        client,
        new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber }),
        valid(ADDRESS_VALID_SECONDS),
      ),
    presignGet: (Key, seconds) =>
      getSignedUrl(client, new sdk.GetObjectCommand({ Bucket, Key }), valid(seconds)),
  };
}

async function attempt<Answer>(
  cloud: CloudSpec,
  doing: string,
  request: () => Promise<Answer>,
): Promise<Attempt<Answer>> {
  try {
    return { kind: "done", value: await request() };
  } catch (error) {
    const failure = failureOf(error, new Date());
    if (failure === undefined) throw error;
    // no `cause`: the SDK's error carries the whole request
    const told = bucketError(failure, cloud, { doing });
    // the SDK signs by the store's clock from then on
    const { clockSkewCorrected } =
      (error as { $metadata?: { clockSkewCorrected?: boolean } }).$metadata ?? {};
    if (!isPassing(verdictOf(failure)) && !clockSkewCorrected) throw told;
    return again(failure, told);
  }
}

/** For R2 as in https://developers.cloudflare.com/r2/examples/aws/aws-sdk-js-v3/ and aws-sdk-js-v3 issue 6810. */
const clientConfig = (cloud: CloudSpec, keys: BucketKeys, stalledSeconds: number) => ({
  endpoint: cloud.endpoint,
  region: cloud.region,
  // a copy: the SDK writes into it
  credentials: { ...keys },
  forcePathStyle: true,
  requestChecksumCalculation: "WHEN_REQUIRED" as const,
  responseChecksumValidation: "WHEN_REQUIRED" as const,
  expectContinueHeader: false,
  // what may help is asked again by `ask`, by the same rule as the bytes
  maxAttempts: 1,
  streamCollector: (body: unknown) => collect(body, stalledSeconds),
  requestHandler: {
    connectionTimeout: 10_000,
    requestTimeout: stalledSeconds * 1000,
    throwOnRequestTimeout: true,
    // R2's simulator is several times slower on a connection that is kept
    httpAgent: { keepAlive: false },
  },
});

/** Without it, the SDK reads whatever comes for as long as it comes. */
async function collect(body: unknown, stalledSeconds: number): Promise<Uint8Array> {
  if (!(body instanceof Readable)) throw new TypeError("an answer's body is a stream");
  try {
    return await readBody(body, { maxBytes: MOST_ANSWER_BYTES, stalledSeconds });
  } catch (error) {
    if (error instanceof BodyTooLarge) throw new StrangeAnswer("its answer does not end");
    throw error;
  }
}
