#!/bin/sh
# tree.sh plant|change PATH, tree.sh fingerprint PATH [holes]: a tree with everything that a file system can
# hold, what months of work do to it, and all of it as text. Needs root, perl, and the packages attr and acl.
set -eu

# Names that break programs, for perl: a newline, blanks, a leading dash, quotes, bytes that are no UTF-8.
ODD_NAMES='
  " ", " leading", "trailing ", "new\nline", "ends in a newline\n", "\n", "tab\there", "-dash", "--", "-rf",
  "quote\x27s", "double\"quote", "back\\slash", "back\\nslash", "dollar \$(id) `id`", "star*[?]", "~", "#", "...",
  "\xff\xfe no utf-8", "latin-1 \xe9", "cut utf-8 \xe2\x82", "composed \xc3\xa9", "decomposed e\xcc\x81",
  "bell\x07esc\x1b[31m", "a" x 255, "\xf0\x9f\x90\x9f" x 63'

plant() {
  umask 022
  mkdir -p "$1"
  cd "$1"
  mkdir modes owners times xattrs acls links links/deeper sparse symlinks special empty names deep contents work

  for m in 0000 0400 0644 1644 2755 4711 6755; do echo "$m" >"modes/f$m"; done
  for m in 0000 0700 1777 2775; do mkdir "modes/d$m"; echo "$m" >"modes/d$m/inside"; done
  for f in modes/*; do chmod "${f#modes/?}" "$f"; done

  for o in 0:0 1000:1000 1000:33 65534:65534 123456:654321; do
    echo "$o" >"owners/f$o"; mkdir "owners/d$o"; ln -s "f$o" "owners/l$o"; chown -h "$o" "owners/"?"$o"
  done
  echo setuid >owners/setuid; chown 1000:33 owners/setuid; chmod 6755 owners/setuid

  when() { echo "$2" >"times/$1"; mkdir "times/$1.d"; ln -s "$1" "times/$1.l"; touch -h -d "$2" "times/$1" "times/$1.d" "times/$1.l"; }
  when before-1970 '1961-04-12 06:07:00.123456789 UTC'
  when nearly-1970 '1969-12-31 23:59:59.999999999 UTC'
  when epoch '1970-01-01 00:00:00 UTC'
  when nanosecond '2026-03-09 12:00:00.000000001 UTC'
  when after-2038 '2038-01-19 03:14:08.987654321 UTC'
  when far '9999-12-31 23:59:59.5 UTC'

  echo text >xattrs/file; mkdir xattrs/folder; ln -s nowhere xattrs/symlink; echo cap >xattrs/capable
  chown 1000:1000 xattrs/capable
  setfattr -n user.text -v 'some text' xattrs/file
  setfattr -n user.empty xattrs/file
  setfattr -n user.binary -v 0x00ff0a0dfe xattrs/file
  setfattr -n user.large -v "$(printf '%08000d' 7)" xattrs/file
  setfattr -n user.text -v 'of a folder' xattrs/folder
  echo odd >'xattrs/new
line'; setfattr -n user.text -v 'of an odd name' 'xattrs/new
line'
  setfattr -n trusted.of-root -v 1 xattrs/file
  setfattr -h -n trusted.of-a-symlink -v 1 xattrs/symlink
  setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 xattrs/capable

  echo acl >acls/file; mkdir acls/folder
  setfacl -m u:1000:rw,g:33:r,u:4242:---,m::r acls/file
  setfacl -m u:1000:rwx acls/folder
  setfacl -d -m u:1000:rwx,g:33:r-x acls/folder
  mkdir acls/folder/inherits; echo inherits >acls/folder/file

  echo linked >links/a; ln links/a links/b; ln links/a links/deeper/c; ln links/a modes/linked
  ln -s a links/symlink; ln links/symlink links/same-symlink
  mkfifo links/fifo; ln links/fifo links/deeper/same-fifo

  truncate -s 64M sparse/hole
  truncate -s 20M sparse/islands
  at() { printf '%s' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }
  at sparse/islands 1048576 one; at sparse/islands 9000000 two
  head -c 100000 /dev/urandom >sparse/tail; truncate -s 5M sparse/tail
  head -c 1M /dev/urandom >sparse/punched; fallocate -p -o 262144 -l 262144 sparse/punched

  ln -s nowhere symlinks/dangling; ln -s /etc/hostname symlinks/absolute; ln -s ../links symlinks/folder
  ln -s loop symlinks/loop; ln -s 'new
line' symlinks/newline
  perl -e 'symlink "x" x 4000, "symlinks/long" or die $!; symlink "\xff\xfe", "symlinks/no-utf-8" or die $!'

  mkfifo special/fifo; mknod special/char c 1 3; mknod special/block b 7 200; mknod special/large-minor c 240 70000
  perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) && bind(S, pack_sockaddr_un("special/socket")) or die $!'
  chmod 600 special/fifo; chown 1000:33 special/block

  : >empty/file; mkdir -p empty/folder empty/a/b/c
  perl -e 'for ('"$ODD_NAMES"') { open F, ">", "names/$_" or die "$_: $!"; print F $_; close F }'
  perl -e 'for ('"$ODD_NAMES"') { next if /^a+$/; mkdir "names/d$_" or die "$_: $!"; open F, ">", "names/d$_/$_" or die $! }'
  p=deep; for i in $(seq 30); do p=$p/$i-$(printf '%050d' 0); done; mkdir -p "$p"; echo bottom >"$p/file"
  p=deep/short; for i in $(seq 100); do p=$p/d; done; mkdir -p "$p"; echo bottom >"$p/file"

  yes 'the quick brown fox jumps over the lazy dog' | head -c 24M >contents/compressible
  head -c 8M /dev/urandom >contents/incompressible
  head -c 300000 /dev/urandom >contents/reflinked; cp --reflink=always contents/reflinked contents/reflink
  printf 'no end of line' >contents/inline

  # what `change` needs: a file or a folder of its own for each thing that it does
  for f in grows shrinks emptied larger middle punched replaced mode owner mtime xattr acl renamed moved removed a b \
    linked unlinked to-folder to-symlink; do head -c 50000 /dev/urandom >"work/$f"; done
  for d in renamed moved into removed a b to-file parent/child mode mtime; do
    mkdir -p "work/$d.d"; echo "$d" >"work/$d.d/file"
  done
  setfattr -n user.kept -v 1 work/xattr; setfattr -n user.changed -v 1 work/xattr; setfattr -n user.removed -v 1 work/xattr
  setfacl -m u:1000:r work/acl
  ln work/unlinked work/unlinked-too
  ln -s before work/symlink
}

change() {
  cd "$1/work"
  echo more >>grows; truncate -s 777 shrinks; : >emptied; truncate -s 3M larger
  printf 'changed in the middle' | dd of=middle bs=1 seek=20000 conv=notrunc status=none
  fallocate -p -o 8192 -l 16384 punched
  echo new >replaced.tmp; mv replaced.tmp replaced

  mv renamed renamed-to; mv renamed.d renamed-to.d
  mv moved into.d/moved; mv moved.d into.d/moved.d
  swap() { mv "$1" swap; mv "$2" "$1"; mv swap "$2"; }
  swap a b; swap a.d b.d
  mv parent/child.d child; mv parent child/was-above        # what was inside is now outside
  rm removed; rm -r removed.d

  rm to-folder; mkdir to-folder; echo in >to-folder/file
  rm -r to-file.d; echo now a file >to-file.d
  rm to-symlink; ln -s into.d to-symlink; ln -sfn after symlink

  chmod 0600 mode; chmod 1770 mode.d; chown 1000:33 owner
  touch -d '2001-02-03 04:05:06.789012345 UTC' mtime mtime.d
  setfattr -n user.changed -v 2 xattr; setfattr -n user.added -v 3 xattr; setfattr -x user.removed xattr
  setfacl -b -m g:33:rw acl; setfacl -m u:33:r ../acls/file; setfacl -k ../acls/folder
  ln linked linked-now; ln ../contents/incompressible hard-link-to-an-old-one
  rm unlinked; ln ../links/a a-fifth-name; rm ../links/b; mv ../links/deeper ../links/renamed

  cd ..
  mv deep/1-* deep/elsewhere; mv names renamed-names
  perl -e 'rename "renamed-names/\n", "renamed-names/-\n-" or die $!; unlink "renamed-names/\xff\xfe no utf-8" or die $!'
  rm special/char special/fifo; mknod special/char c 1 5; mkfifo special/another-fifo
  echo more >>contents/compressible; printf overwritten | dd of=contents/incompressible bs=1 seek=5000000 conv=notrunc status=none
  mkdir -p added/folder; echo added >added/folder/file; truncate -s 10M added/sparse; chmod 2750 added; chown 1000:1000 added
  rm -r empty/a; : >empty/another
  chmod 0711 .; chown 1000:33 .; setfattr -n user.of-the-root -v 1 .
}

# One line for each name: type, mode, owner, time, then what its type has. Not in it, since no stream carries it:
# - atime, ctime and the time of birth (protocol 1 of btrfs send has no room for the last; the others are the
#   kernel's), inode numbers, the size of a folder, which files share blocks;
# - the time of the tree's own root: send makes every file in it under a passing name before it moves it to its
#   place, and mends the root's time again only where it happens to be among the last folders that it touched;
# - what chattr sets (protocol 2 would carry it);
# - without `holes`, where the holes are: an increment writes zeros where a file that the parent has got a hole
#   (protocol 1 has no command to punch one), so only what is received whole has them in the same places.
fingerprint() {
  cd "$1"
  export LC_ALL=C
  [ -z "${2:-}" ] || sync -f . # what is not written yet has no holes yet
  w=$(mktemp -d)
  trap 'rm -rf "$w"' EXIT
  find . -print0 | sort -z >"$w/names"
  xargs -0r stat --printf='%.9Y\n' -- <"$w/names" >"$w/times"
  find . -type f -print0 | xargs -0r sha256sum -z -- >"$w/sums"
  xargs -0r getfattr -d -m - -e hex -h -- <"$w/names" >"$w/xattrs" # the ACLs are among them
  perl -e '
    use strict;
    my ($w, $holes) = @ARGV;
    sub slurp { open my $f, "<", "$w/$_[0]" or die $!; local $/; my $text = <$f>; defined $text ? $text : "" }
    sub shown { my $n = $_[0]; $n =~ s/([^!-\[\]-~])/sprintf "\\x%02x", ord $1/ge; $n }
    sub data { # the parts of a file that hold data: lseek(2), SEEK_DATA is 3, SEEK_HOLE is 4
      open my $f, "<", $_[0] or die "$_[0]: $!";
      my ($at, @parts) = (0);
      while (defined(my $from = sysseek $f, $at, 3)) { $at = sysseek $f, $from, 4; push @parts, ($from + 0) . "-$at" }
      join ",", @parts;
    }
    my %sum = map { /^\\?(\w{64})  (.*)$/s ? ($2, $1) : () } split /\0/, slurp("sums");
    my %type = (0010000 => "fifo", 0020000 => "char", 0040000 => "folder", 0060000 => "block",
      0100000 => "file", 0120000 => "symlink", 0140000 => "socket");
    my @times = split /\n/, slurp("times");
    my %first;
    for my $name (split /\0/, slurp("names")) {
      my ($dev, $ino, $mode, $nlink, $uid, $gid, $rdev, $size) = lstat $name or die "$name: $!";
      my $type = $type{$mode & 0170000};
      my @line = (shown($name), $type, sprintf("%04o", $mode & 07777), "$uid:$gid", shift @times);
      $line[4] = "-" if $name eq ".";
      push @line, sprintf "device %d:%d", ($rdev >> 8) & 0xfff, ($rdev & 0xff) | (($rdev >> 12) & 0xfff00)
        if $type eq "char" || $type eq "block";
      push @line, "to", shown(readlink $name) if $type eq "symlink";
      push @line, "$size bytes", $sum{$name} || die "$name has no sum" if $type eq "file";
      push @line, "data", data($name) if $type eq "file" && $holes;
      push @line, "$nlink names, first", shown($first{$ino} ||= $name) if $type ne "folder" && $nlink > 1;
      print join(" ", @line), "\n";
    }
    print slurp("xattrs");' "$w" "${2:-}"
}

"$@"
