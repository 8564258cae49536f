/**
 * On a host: a restricted login's files, and a schedule's programs, each in a folder VERSION-HASH. Root's alone to write.
 * Two kinds put something there, so that none of them removes what it did not name.
 */
export const OWN_FOLDER = "/usr/local/lib/devbackup";
