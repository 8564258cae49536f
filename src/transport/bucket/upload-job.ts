import type { Sha256 } from "../../domain/names.ts";
import type { Host } from "../host.ts";
import type { BucketHead, UnfinishedUpload } from "./object.ts";
import type { Store } from "./store.ts";

export interface UploadRequest {
  /** On the server; not changed while it is sent. */
  readonly file: string;
  readonly key: string;
  readonly sizeBytes: number;
  /** Of the whole file; stored with the object as `x-amz-meta-sha256`. */
  readonly sha256: Sha256;
  /** A file on the server, in a folder that exists, that an interrupted upload is resumed from. */
  readonly statePath: string;
  readonly signal?: AbortSignal;
  /** Called with the bytes that the store has so far, those of an earlier run included. */
  readonly onProgress?: (sentBytes: number) => void;
}

/** One upload and what it works with. */
export interface UploadJob {
  readonly store: Store;
  readonly host: Host;
  readonly request: UploadRequest;
  readonly head: (key: string) => Promise<BucketHead | undefined>;
  readonly abort: (upload: Pick<UnfinishedUpload, "key" | "uploadId">) => Promise<void>;
}
