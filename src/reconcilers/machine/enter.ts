/**
 * Shell functions for what root does in a folder of a user, who can rename there, and put links in the way, at any
 * moment: whoever goes there by a path can be led elsewhere between two commands. From within a folder nobody can.
 *
 * `enter PATH` goes to a folder, name by name, and `enter_making PATH` makes those that are missing; `step NAME` goes on
 * into one that lies right here. A link is followed only where nobody but root could have made it. `is_own`: nobody but
 * root can change what lies here. `own_file NAME` and `own_folder NAME MODE`: what has that name is root's alone, or is
 * gone (a file), or made (a folder), or an error. `delete_here NAME` deletes the subvolume of that name that lies right
 * here: btrfs itself would follow a link (btrfs-progs cmds/subvolume.c). `receive_here` takes in a stream, and nothing in
 * it can reach beyond this folder (btrfs-receive(8), --chroot), nor move, replace or remove what stands in it: to that
 * process alone all of it is mount points, which stay where they are (rename(2), EBUSY).
 *
 * `exec 6<.` holds on to a folder: /proc/self/fd/6 is that very one, wherever it is moved.
 */
export const ENTER = `
is_own() { [ -n "$(find . -maxdepth 0 \\( -uid 0 -o -uid "$(id -u)" \\) ! -perm /022)" ]; }
which() { stat -c %d:%i -- "$1"; }
step() {
  step_from=$(which .) || return
  # where a link has led, the folder above is another one, or has another folder of that name
  if [ ! -L "./$1" ] && cd -P "./$1" 2>/dev/null && [ "$(which ..)" = "$step_from" ] && [ "$(which .)" = "$(which "../$1" 2>/dev/null)" ]; then return; fi
  echo "$1 is no folder, or a link that others than root can change" >&2
  return 1
}
enter() { walk "$1" :; }
enter_making() { walk "$1" mkdir; }
walk() {
  walk_rest=\${1#/} walk_links=0
  cd / || return
  while [ -n "$walk_rest" ]; do
    walk_name=\${walk_rest%%/*}
    case $walk_rest in */*) walk_rest=\${walk_rest#*/} ;; *) walk_rest= ;; esac
    case $walk_name in '' | .) continue ;; ..) cd -P .. || return; continue ;; esac
    if [ -L "./$walk_name" ] && is_own; then
      walk_links=$((walk_links + 1))
      [ "$walk_links" -le 40 ] || { echo "$1: too many links" >&2; return 1; }
      walk_link=$(readlink -- "./$walk_name") || return
      case $walk_link in /*) cd / ;; esac
      walk_rest=$walk_link/$walk_rest
      continue
    fi
    if [ ! -e "./$walk_name" ] && [ ! -L "./$walk_name" ]; then $2 "./$walk_name" || return; fi
    step "$walk_name" || { echo "$1 was not entered" >&2; return 1; }
  done
}
enter_own() {
  enter "$1" && is_own || { echo "$1 can be changed by others than root" >&2; return 1; }
}
own_file() {
  case $(stat -c '%u %h %F' -- "$1" 2>/dev/null) in "$(id -u) 1 regular "*) chmod 600 -- "$1" && return ;; esac
  rm -f -- "$1"
}
own_folder() {
  [ -e "./$1" ] || [ -L "./$1" ] || mkdir -m "$2" "./$1" || return
  (step "$1" && is_own) || { echo "$PWD/$1 can be changed by others than root: move it away" >&2; return 1; }
}
is_subvolume() { [ ! -L "$1" ] && [ -d "$1" ] && [ "$(stat -c %i -- "$1")" = 256 ]; }
delete_here() {
  (exec 9<. && step "$1" && number=$(btrfs inspect-internal rootid .) && btrfs -q subvolume delete -i "$number" . && sync -f /proc/self/fd/9)
}
receive_here() {
  receive_code=0
  receive_said=$(unshare -m sh -c '
    for s in ./* ./.[!.]*; do [ -L "$s" ] || [ ! -e "$s" ] || mount --bind "$s" "$s" || exit; done
    exec btrfs -q receive -C -e .' 2>&1) || receive_code=$?
  printf '%s\\n' "$receive_said" | sed '/^Chroot to /d; /^$/d' >&2
  return "$receive_code"
}
`;

/**
 * A shell function for a file of a user, which can be another one at any moment: `given NAME BYTES` prints that much of what
 * lies right here. It is opened once, and neither a link that has come in its place is followed nor a writer of a FIFO waited
 * for (open(2)); whoever asks for a byte more than it has sees that it has grown.
 */
export const GIVEN = `
given() { dd if="./$1" iflag=nofollow,nonblock,fullblock,count_bytes count="$2" bs=1M status=none; }
`;
