/**
 * What a fingerprint is made of, and a tree compared with it: a record a path, each ended by NUL,
 *
 *     SHA256 TYPE MODE UID GID SIZE LINKS MTIME PATH
 *
 * in the order of what stands behind the hash, byte by byte. TYPE is a letter of find(1); what a type has none of is a
 * dash, 64 of them for the hash. PATH is `.` or begins with `./`, and holds any byte that a name can; behind it, where
 * there is one, `//` and a link's target or a device's numbers: no path has two slashes in a row.
 *
 * A subvolume inside is left out: a snapshot has a stub in its place, inode 2, which is not sent. Sizes and links of
 * folders are Btrfs's own. Attributes, ACLs and capabilities are not looked at.
 */
export const HEADER = "devbackup-fingerprint 1";

/** How many bytes stand before what two records are told apart by, the hash left out. */
const BEFORE_REST = 65;
/** For sort(1): the rest of a record, of which NUL, which none holds, makes one field. */
export const BY_REST = `-z -t '\\0' -k 1.${BEFORE_REST + 1}`;
/** For uniq(1). */
export const REST_ALONE = `-z -s ${BEFORE_REST}`;

/** At the back of every queue, with all that is started from here on (ionice(1), renice(1)). */
export const GENTLY = `{ ionice -c 3 -p "$$"; renice -n 19 -p "$$"; } >/dev/null 2>&1 || :`;

/**
 * Shell functions for the folder that one is in; `$w` is a folder for what is kept meanwhile, by no relative path.
 * `list_tree` prints all of it, in no order. `list_tree_on BEFORE` does where BEFORE is what `list_inodes` printed of an older
 * snapshot of the same subvolume: of files that nobody has written to, renamed or touched since, it prints `=` for the
 * hash and does not read them. What fails leaves a word in `"$w/failed"`.
 */
export const LISTING = `
LC_ALL=C; export LC_ALL
gently() { ${GENTLY}; }
in_place_of_hash() { printf '%64s' '' | tr ' ' "$1"; }
failed() { echo "$1 failed" >>"$w/failed"; }
sorted() { sort -T "$w" "$@" || failed sort; }
# a file of a snapshot that has both numbers still has been changed in no way
list_inodes() {
  { find . -xdev -type f -printf '%i %C@ f %m %U %G %s %n %T@ %p\\0' || failed find; } | sorted -z
}
list_others() {
  { find . -xdev ! -type f ! -inum 2 \\( \\
    -type d -printf 'd %m %U %G - - %T@ %p\\0' -o \\
    -type l -printf 'l %m %U %G %s %n %T@ %p//%l\\0' -o \\
    -type b -exec stat --printf 'b %a %u %g - %h %.10Y %n//%t:%T\\0' {} + -o \\
    -type c -exec stat --printf 'c %a %u %g - %h %.10Y %n//%t:%T\\0' {} + -o \\
    -printf '%y %m %U %G - %n %T@ %p\\0' \\) || failed find; } | sed -z "s/^/$(in_place_of_hash -) /" || failed sed
}
with_hashes() {
  sorted -z -t ' ' -k 8 >"$w/files"
  cut -z -d ' ' -f 8- "$w/files" >"$w/paths" || failed cut
  : >"$w/hashes.0"
  # much the faster of the two, but it may write such names in a way of its own
  sed -z '/[\\n\\\\]/d' "$w/paths" |
    xargs -0 -r -n 200 -P "$(nproc)" sh -c 'openssl dgst -sha256 -r "$@" >>"$0.$$"' "$w/hashes" || failed openssl
  sed -z '/[\\n\\\\]/!d' "$w/paths" | xargs -0 -r sha256sum -z -b >"$w/other-hashes" || failed sha256sum
  { cat "$w"/hashes.* | tr '\\n' '\\0'; cat "$w/other-hashes"; } | sorted -z -t ' ' -k 2 >"$w/hashed"
  # where its output finds no room, openssl ends with 0 all the same
  cut -z -b 67- "$w/hashed" | cmp -s - "$w/paths" || failed "hashing"
  cut -z -b -64 "$w/hashed" | paste -z -d ' ' - "$w/files" || failed paste
}
list_tree() {
  list_others
  list_inodes | { sed -z 's/^[^ ]* [^ ]* //' || failed sed; } | with_hashes
}
list_tree_on() {
  list_others
  list_inodes | comm -z -1 "$1" - >"$w/compared" || failed comm
  sed -z -n "s/^\\t[^ ]* [^ ]* /$(in_place_of_hash =) /p" "$w/compared" || failed sed
  { sed -z -n 's/^[^\\t ]* [^ ]* //p' "$w/compared" || failed sed; } | with_hashes
}
`;
