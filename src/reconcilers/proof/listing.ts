/**
 * What a fingerprint is made of, and a tree compared with it: a record a path, each ended by NUL,
 *
 *     SHA256 TYPE MODE UID GID SIZE LINKS MTIME PATH
 *
 * in the order of what stands behind the hash, byte by byte. TYPE is a letter of find(1); what a type has none of is a
 * dash, 64 of them for the hash. PATH is `.` or begins with `./`, and holds any byte that a name can; behind it, where
 * there is one, `//` and a link's target or a device's numbers: no path has two slashes in a row.
 *
 * A subvolume inside is left out: a snapshot has an empty folder in its place, inode 2, which is not sent. Sizes and links of
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
# Names stand in no arguments, which others can read: files are opened here, as many as a shell has numbers for. Size and
# name come on stdin, a line each, as printf's %b takes them; the slash keeps spaces at a name's end.
next_file() {
  IFS=' ' read -r size f || return 1
  f=\${f%/}
  case $f in *\\\\*) f=$(printf '%b.' "$f"); f=\${f%.} ;; esac
  total=$((total + size))
}
hash_lines() {
  while total=0; next_file; do
    set --
    n=3
    while :; do
      eval "exec $n<\\"\\$f\\""
      set -- "$@" "/dev/fd/$n"
      n=$((n + 1))
      [ "$n" -le 9 ] && next_file || break
    done
    # the one starts in a third of the other's time, and reads at a quarter of its speed
    if [ "$total" -lt 1048576 ]; then sha256sum -b "$@" </dev/null; else openssl dgst -sha256 -r "$@" </dev/null; fi
  done
}
with_hashes() {
  sorted -z -t ' ' -k 8 >"$w/files"
  { cut -z -d ' ' -f 5,8- "$w/files" || failed cut; } |
    { sed -z 's/\\\\/&&/g; s/\\n/\\\\n/g; s|$|/|' || failed sed; } | tr '\\0' '\\n' >"$w/lines"
  split -n "l/$(nproc)" -- "$w/lines" "$w/part." || failed split
  for part in "$w"/part.*; do
    hash_lines <"$part" >"$w/hashes.\${part##*.}" &
  done
  wait
  cat "$w"/hashes.* | cut -c -64 | tr '\\n' '\\0' >"$w/hashed"
  # whatever failed above, and what found no room, is missing in it
  [ "$(wc -c <"$w/hashed")" = "$((65 * $(tr -cd '\\0' <"$w/files" | wc -c)))" ] || failed hashing
  paste -z -d ' ' "$w/hashed" "$w/files" || failed paste
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
