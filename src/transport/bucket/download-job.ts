import type { AbsolutePath, Sha256 } from "../../domain/names.ts";
import type { Host } from "../host.ts";
import type { BucketHead } from "./object.ts";
import type { Store } from "./store.ts";

export interface DownloadRequest {
  readonly key: string;
  /** On the host, in a folder that exists; nobody else's business until the download is complete. Made 0600. */
  readonly file: AbsolutePath;
  /** Of the whole object. */
  readonly sizeBytes: number;
  /** Null where nothing tells what it has to be: then it is whole by its size, and of one object by its ETag. */
  readonly sha256: Sha256 | null;
  readonly signal?: AbortSignal;
  /** Called about once a second with the bytes that are there, those of an earlier run included. */
  readonly onProgress?: (bytes: number) => void;
}

/** One download and what it works with. */
export interface DownloadJob {
  readonly store: Store;
  readonly host: Host;
  readonly request: DownloadRequest;
  readonly head: (key: string) => Promise<BucketHead | undefined>;
}
