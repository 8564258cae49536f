import { OWN_FOLDER } from "../reconcilers/machine/own-folder.ts";

/**
 * What a restricted login runs instead of whatever it asks for (sshd(8), AUTHORIZED_KEYS FILE FORMAT, `command`): as
 * the login it becomes root through the one command that sudo allows it, and as root it reads a framed script from
 * stdin as the ordinary bootstrap does, and runs it where it matches one of the patterns beside it as a whole. Debian's
 * base tools are all that it needs.
 *
 * Nothing that the client sends reaches a shell before it has matched: patterns hold literal text, and classes of
 * characters that mean nothing to sh. A script that gets an address, which curl will be given as root, has its first
 * line of stdin looked at too; one that ends a process may end none but this login's own.
 */
export const FILTER = `#!/bin/sh
# Written by devbackup, which sees when it is changed. What this login may run: allowed, beside this file.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
umask 022
here=${OWN_FOLDER}
refuse() { echo "devbackup-refused $1" >&2; exit 126; }
[ $# = 0 ] || refuse "no arguments are taken"
if [ "$(id -u)" != 0 ]; then
  # for the message's sake: nothing rests on what the client says that it wants
  case \${SSH_ORIGINAL_COMMAND-} in "sh -c "*) ;; *) refuse "this login is for devbackup alone" ;; esac
  exec sudo -n "$here/restricted"
fi

# byte by byte: what follows the length is the script's, and what follows that is for its stdin
newline="
" size=
while :; do
  byte=$(dd bs=1 count=1 2>/dev/null; echo x)
  case $byte in
    [0-9]x) size=$size\${byte%x} ;;
    "$newline"x) break ;;
    *) refuse "this is no script of devbackup" ;;
  esac
  [ "\${#size}" -le 6 ] || refuse "the script is too long"
done
case $size in "" | 0*) refuse "this is no script of devbackup" ;; esac
script=$(dd bs="$size" count=1 iflag=fullblock 2>/dev/null; echo x)
[ "\${#script}" -eq "$((size + 1))" ] || refuse "the script was cut off"
script=\${script%x}

# patterns are lines: a newline stands there as a byte that no script holds. Before each pattern, what its scripts end
# with: the few that are left are held against the whole
case $script in *"$(printf '\\001')"*) refuse "this is no script of devbackup" ;; esac
line=$(printf %s "$script" | tr '\\n' '\\001')
is() {
  patterns=$(printf '%s\\n' "$line" | awk -F '\\002' '
    NR == FNR { script = $0; next }
    substr(script, length(script) - length($1) + 1) == $1 { print $2 }' - "$here/$1" 2>/dev/null) &&
    [ -n "$patterns" ] && printf '%s\\n' "$line" | grep -qxE -e "$patterns" 2>/dev/null
}

if is allowed; then
  echo "devbackup-shell $$" >&2
  eval "unset here newline size byte script line patterns; $script"
elif is allowed-with-address; then
  address=$(cat "$here/address") && [ -n "$address" ] || refuse "there is no bucket"
  IFS= read -r url || refuse "there is no address"
  case $url in "$address"*) ;; *) refuse "the address is not one of the bucket" ;; esac
  # where /../ leads is told by curl and by the store, and neither is asked: however a dot is written
  case $url in
    *[!A-Za-z0-9._~:/?="&"%+-]* | */./* | */. | */.[?]* | */../* | */.. | */..[?]* | *%2[Ee]*)
      refuse "the address is not one of the bucket" ;;
  esac
  echo "devbackup-shell $$" >&2
  eval "unset here newline size byte script line patterns address; $script" <<ADDRESS
$url
ADDRESS
elif is allowed-signals; then
  # the last one: words of the client's own may stand before it, and none behind it
  pid=\${script##*/proc/} pid=\${pid%%/*}
  [ "$(tr '\\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)" = "/bin/sh $here/restricted " ] || refuse "that process is another's"
  echo "devbackup-shell $$" >&2
  eval "unset here newline size byte script line patterns pid; $script"
else
  refuse "no such script is allowed"
fi
`;
