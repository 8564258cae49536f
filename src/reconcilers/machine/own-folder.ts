/**
 * On a host: a restricted login's files, a schedule's programs, each in a folder VERSION-HASH, and the scripts. Root's alone to write.
 * Three kinds put something there, so that none of them removes what it did not name.
 */
export const OWN_FOLDER = "/usr/local/lib/devbackup";

/** A line of each file of ours that somebody could take for their own: the first, or the second of a script. */
export const WRITTEN_BY_US = "# Written by devbackup, which sees when it is changed.";
