export interface BucketObject {
  readonly key: string;
  readonly sizeBytes: number;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModified: Date;
  /** The class that keeps it from being read now (`DEEP_ARCHIVE`); left out where it can be. See {@link archiveOf}. */
  readonly archive?: string;
}

export interface BucketHead extends BucketObject {
  /** From `x-amz-meta-sha256`; undefined where the object was stored without. */
  readonly sha256: string | undefined;
  /** Whether the store forms ETags from something else than the bytes (SSE-KMS). */
  readonly opaqueEtag: boolean;
}

export interface UnfinishedUpload {
  readonly key: string;
  readonly uploadId: string;
  /** Undefined where the store does not tell. */
  readonly initiated: Date | undefined;
}
