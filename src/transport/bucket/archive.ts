/** What a store says of where it keeps an object; each left out where it does not. */
export interface Kept {
  readonly StorageClass?: string | undefined;
  /** The tier of S3's Intelligent-Tiering, which a listing does not tell. */
  readonly ArchiveStatus?: string | undefined;
  /** `ongoing-request="false", expiry-date="…"`: brought back for a while. */
  readonly Restore?: string | undefined;
}

/** What is in these is refused to whoever gets it, until the store was asked to bring it back, which takes hours. */
const ARCHIVES: readonly string[] = ["GLACIER", "DEEP_ARCHIVE"];

/**
 * As a part of a {@link BucketObject}: the class of an object that can't be read now, nothing for any other
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html).
 */
export function archiveOf({ StorageClass, ArchiveStatus, Restore }: Kept): { archive?: string } {
  const archive =
    ArchiveStatus ??
    (StorageClass !== undefined && ARCHIVES.includes(StorageClass) ? StorageClass : undefined);
  return archive === undefined || Restore?.includes('ongoing-request="false"') ? {} : { archive };
}

/** Why such an object is no copy to rely on. */
export const archived = (archive: string): string =>
  `is in the archive class ${archive}, which nothing reads before the store has brought it back`;
