#!/usr/bin/env bash
# lab.sh - a throw-away two-machine Btrfs lab on one Linux box. Needs root.
#
#   ws  10.77.0.11  Debian 12, systemd as PID 1, sshd, a real btrfs at /home
#   ls  10.77.0.12  the same,                          a real btrfs at /srv
#   s3  10.77.0.13  an empty network namespace: a bucket is run in it (`in s3 CMD`)
#   The caller is 10.77.0.1.
#
#   lab.sh up                     build what is missing, boot both hosts
#   lab.sh down [--all]           remove everything but the cache and the guard route, which
#                                 keeps stray packets off the default route; --all: that too
#   lab.sh ssh HOST [CMD...]      as root; or: ssh -F $(lab.sh dir)/ssh_config dev@ws
#   lab.sh wipe HOST [SIZE]       new root, new host key, empty btrfs; boots it
#   lab.sh kill HOST              SIGKILL to every process of the host, link down; its
#                                 disk is then unmounted, so nothing written is lost
#   lab.sh crash HOST             the same as a power cut: the btrfs keeps only what had
#                                 reached the disk (the root file system is not set back)
#   lab.sh start HOST             boot it again, its disk and root as they were
#   lab.sh cut|heal HOST          unplug | plug the network cable
#   lab.sh netem HOST MS [MBIT [LOSS%]]   delay each way; `netem HOST 0` takes it away
#   lab.sh stall|flow HOST        nothing passes through its netem any more, and nothing is lost |
#                                 all that waited comes
#   lab.sh fill HOST [FREE]       leave only FREE (20M) of the host's Btrfs, by one real file
#   lab.sh unfill HOST            take that file away
#   lab.sh in HOST CMD...         run CMD of this machine in HOST's network namespace; `down`
#                                 ends it, with all that it started
#   lab.sh check | base | dir | status    check says why there can be no lab here
#
# Environment: LAB_ID (prefix of every name; two labs can run at once; at most 6
# characters), LAB_NET (its /24), LAB_STATE, LAB_CACHE, LAB_WS_SIZE, LAB_LS_SIZE,
# LAB_DEBS (what apt-get can install inside a host), LAB_MIRROR, LAB_DISK (`top`; `subvolume` mounts
# @home and @srv with the times of readings, as distributions do).
set -euo pipefail

SELF=$(readlink -f "${BASH_SOURCE[0]}")
export LAB_ID=${LAB_ID:-lab} LAB_NET=${LAB_NET:-10.77.0}
export LAB_CACHE=${LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/devbackup-lab}
export LAB_STATE=${LAB_STATE:-${TMPDIR:-/var/tmp}/devbackup-lab.$(id -u)}
ID=$LAB_ID NET=$LAB_NET LAB=$LAB_STATE/$LAB_ID BR=$LAB_ID-br
DEBS=${LAB_DEBS:-age zstd curl openssl rsync mbuffer attr acl}
MIRROR=${LAB_MIRROR:-} # default: where this machine's own apt gets bookworm's main from
INCLUDE=systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,openssh-server,sudo,cron
INCLUDE=$INCLUDE,iproute2,iputils-ping,btrfs-progs,ca-certificates
declare -A IP=([ws]=$NET.11 [ls]=$NET.12 [s3]=$NET.13) MNT=([ws]=/home [ls]=/srv)
DISK=${LAB_DISK:-top}
declare -A SIZE=([ws]=${LAB_WS_SIZE:-4G} [ls]=${LAB_LS_SIZE:-8G})

die() { echo "lab.sh: $*" >&2; exit 1; }
machine() { [ -n "${MNT[${1:-none}]:-}" ] || die "no machine '${1:-}' (ws, ls)"; }
port() { [ -n "${IP[${1:-none}]:-}" ] || die "no host '${1:-}' (ws, ls, s3)"; }
soon() { local end=$((SECONDS + 30)); until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.05; done; }

# --- cache: the image every host starts from, and the packages a host can install -----
base() {
  [ -e "$CACHE/base/.done" ] && return
  (flock 8; [ -e "$CACHE/base/.done" ] || build) 8>"$CACHE/lock"
}
build() {
  local b=$CACHE/base t
  echo "lab.sh: building the machines' image, once, in $CACHE (2 to 3 minutes)" >&2
  rm -rf "$b" "$CACHE/debs"; mkdir -p "$CACHE/debs"
  # these are apt-get's and awk's
  # shellcheck disable=SC2016
  [ -n "$MIRROR" ] || MIRROR=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 == "bookworm" && $3 == "main" { print $1; exit }')
  [ -n "$MIRROR" ] || die "no Debian mirror in apt's sources: set LAB_MIRROR"
  debootstrap --variant=minbase --include="$INCLUDE" bookworm "$b" "$MIRROR" \
    >"$CACHE/debootstrap.log" 2>&1 || die "debootstrap failed, see $CACHE/debootstrap.log"
  # btrfs-progs too, so that a test can take it away
  # a list of packages
  # shellcheck disable=SC2086
  chroot "$b" sh -ec 'apt-get clean; apt-get -qq update; apt-get -qq -y -d --reinstall install "$@"' - btrfs-progs $DEBS >/dev/null
  mv "$b"/var/cache/apt/archives/*.deb "$CACHE/debs"
  (cd "$CACHE/debs" && for t in *.deb; do
    dpkg-deb -f "$t"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$t" "$(stat -c %s "$t")" "$(sha256sum "$t" | cut -d' ' -f1)"
  done >Packages)
  rm -rf "$b"/var/lib/apt/lists/* "$b"/var/cache/apt/*.bin "$b"/usr/share/{doc,man,locale}/* \
    "$b"/etc/ssh/ssh_host_* "$b"/etc/resolv.conf
  : >"$b/etc/machine-id"; : >"$b/etc/resolv.conf"
  echo 'deb [trusted=yes] file:/var/local/debs ./' >"$b/etc/apt/sources.list"
  # the lab's own key lies outside ~/.ssh, which is the tested program's to change
  echo 'AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/lab_keys' >"$b/etc/ssh/sshd_config.d/lab.conf"
  chroot "$b" useradd -u 1000 -M -d /home/dev -s /bin/bash dev
  echo 'd /home/dev 0750 dev dev -' >"$b/etc/tmpfiles.d/lab.conf"
  echo 'dev ALL=(ALL) NOPASSWD: ALL' >"$b/etc/sudoers.d/lab"; chmod 440 "$b/etc/sudoers.d/lab"
  for t in apt-daily apt-daily-upgrade e2scrub_all; do ln -sf /dev/null "$b/etc/systemd/system/$t.timer"; done
  touch "$b/.done"
}

# A change of the recipe makes a new image; the old one may be in use by another lab.
CACHE=$LAB_CACHE/$( (declare -f build; echo "$INCLUDE $DEBS") | sha256sum | cut -c1-12)

# --- processes: a host, a delay line, the guests of a namespace: each one cgroup (v2) ---
CG=$(findmnt -nt cgroup2 -o TARGET | head -n1) || true
alive() { grep -qs 'populated 1' "$CG/$ID-$1/cgroup.events"; }
dead() { ! alive "$1"; }
enter() { mkdir -p "$CG/$ID-$1"; echo $BASHPID >"$CG/$ID-$1/cgroup.procs"; }
reap() { # kill every process of the cgroup, and it alone
  [ -d "$CG/$ID-$1" ] || return 0
  echo 1 >"$CG/$ID-$1/cgroup.kill"
  soon dead "$1" || die "$1: processes that will not die"
  find "$CG/$ID-$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

# --- network ---------------------------------------------------------------------------
link() { ip link show "$1" >/dev/null 2>&1; }
net_up() {
  local h
  ! ip -o -4 addr show | grep -F " $NET.1/24 " | grep -qvw "$BR" || die "$NET.0/24 is taken: set LAB_NET"
  # nothing for these addresses may leave by the default route, lab or no lab
  ip route replace unreachable "$NET.0/24" metric 4242
  link "$BR" || { ip link add "$BR" type bridge; ip addr add "$NET.1/24" dev "$BR"; ip link set dev "$BR" up; }
  for h in "${!IP[@]}"; do
    link "$ID-$h" && continue
    [ -z "${MNT[$h]:-}" ] || power_off "$h"
    reap "$h-netem"; ip netns del "$ID-$h-d" 2>/dev/null || true; ip netns del "$ID-$h" 2>/dev/null || true
    ip netns add "$ID-$h"
    ip link add "$ID-$h" type veth peer name eth0 netns "$ID-$h"
    ip -n "$ID-$h" addr add "${IP[$h]}/24" dev eth0
    ip -n "$ID-$h" link set dev lo up; ip -n "$ID-$h" link set dev eth0 up
    ip link set dev "$ID-$h" master "$BR" up
  done
}
link_up() { # unless its cable is out, or it is a machine that is off
  [ -e "$LAB/$1.cut" ] || { [ -n "${MNT[$1]:-}" ] && dead "$1"; } || ip link set dev "$ID-$1" up
}

# A kernel without sch_netem: a user-space delay line between the bridge and the host's
# cable, in a namespace of its own. PACKET_VNET_HDR passes 64 KiB segments whole.
DELAY='
import collections, random, select, socket, sys, time
ms, mbit, loss = (float(a) for a in sys.argv[1:])
def sock(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.setsockopt(263, 15, 1); s.setsockopt(263, 23, 1)  # PACKET_VNET_HDR, IGNORE_OUTGOING
    s.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)        # SO_RCVBUFFORCE
    s.bind((name, 0)); s.setblocking(False); return s
h, b = sock("h"), sock("b")
out, line, free, held = {h: b, b: h}, {h: collections.deque(), b: collections.deque()}, {h: 0.0, b: 0.0}, {h: 0, b: 0}
print("ready", flush=True)
while True:
    now = time.monotonic()
    due = [q[0][0] for q in line.values() if q]
    for s in select.select([h, b], [], [], max(0, min(due) - now) if due else None)[0]:
        now = time.monotonic()
        for _ in range(64):
            try: f = s.recv(1 << 17)
            except BlockingIOError: break
            if random.random() * 100 < loss or held[s] > 1 << 24: continue
            free[s] = max(now, free[s]) + (len(f) * 8e-6 / mbit if mbit else 0)
            line[s].append((free[s] + ms / 1000, f)); held[s] += len(f)
    now = time.monotonic()
    for s, q in line.items():
        while q and q[0][0] <= now:
            f = q.popleft()[1]; held[s] -= len(f)
            try: out[s].send(f)
            except OSError: pass
'
netem_off() {
  reap "$1-netem"
  ip netns list | grep -qw "^$ID-$1-d" || return 0
  ip link del "$ID-$1" 2>/dev/null || true
  ip -n "$ID-$1-d" link set dev h netns $$ name "$ID-$1"
  ip netns del "$ID-$1-d"
  ip link set dev "$ID-$1" master "$BR"; link_up "$1"
}
netem() {
  local p=$ID-$1 d=$ID-$1-d
  netem_off "$1"
  [ "${2:-0} ${3:-0} ${4:-0}" = "0 0 0" ] && return
  ip netns add "$d"
  ip link set dev "$p" netns "$d" name h
  ip link add "$p" type veth peer name b netns "$d"
  ip -n "$d" link set dev h promisc on up; ip -n "$d" link set dev b promisc on up
  (enter "$1-netem"; exec setsid ip netns exec "$d" python3 -c "$DELAY" "$2" "${3:-0}" "${4:-0}") \
    </dev/null >"$LAB/$1.netem.log" 2>&1 9>&- &
  ip link set dev "$p" master "$BR"; link_up "$1"
  soon grep -q ready "$LAB/$1.netem.log" || die "no delay line: $LAB/$1.netem.log"
}

# --- hosts -----------------------------------------------------------------------------
loops() { losetup -nO NAME -j "$LAB/$1/disk.img" 2>/dev/null; }
unlooped() { [ -z "$(loops "$1")" ]; }
detach() { # a loop device goes when its last user has: here, when the kernel has unmounted
  loops "$1" | xargs -r losetup -d
  soon unlooped "$1" || die "$1: its disk stays in use"
}
attach() { # in a container systemd leaves the device lines of fstab alone: a unit mounts it
  local H=$LAB/$1
  losetup -f --show "$H/disk.img" >"$H/loop"
  printf '[Unit]\nBefore=local-fs.target\n[Mount]\nWhat=%s\nWhere=%s\nType=btrfs\nOptions=%s\n' \
    "$(cat "$H/loop")" "${MNT[$1]}" "$(mounted_with "$1")" >"$H/up/etc/systemd/system/${MNT[$1]#/}.mount"
}
mounted_with() { if [ "$DISK" = subvolume ]; then echo "subvol=@${MNT[$1]#/}"; else echo noatime; fi; }
power_off() { machine "$1"; link "$ID-$1" && ip link set dev "$ID-$1" down; reap "$1"; }

fresh() { # a new machine: nothing of the old one's root, key or disk is left
  local h=$1 H=$LAB/$1 u
  u=$H/up
  power_off "$h"; detach "$h"; rm -rf "$H"; mkdir -p "$H/work" "$H/root" "$u/etc/ssh" "$u/etc/systemd/system/local-fs.target.wants"
  truncate -s "${2:-${SIZE[$h]}}" "$H/disk.img"
  mkfs.btrfs -q -L "$h-data" "$H/disk.img" >/dev/null
  if [ "$DISK" = subvolume ]; then
    mkdir "$H/top"; mount -o loop "$H/disk.img" "$H/top"
    btrfs -q subvolume create "$H/top/@${MNT[$h]#/}"; umount "$H/top"
  fi
  echo "$h" >"$u/etc/hostname"
  printf '127.0.0.1 localhost\n%s ws\n%s ls\n%s s3\n%s ctl\n' "${IP[ws]}" "${IP[ls]}" "${IP[s3]}" "$NET.1" >"$u/etc/hosts"
  ssh-keygen -q -t ed25519 -N '' -C "$h" -f "$u/etc/ssh/ssh_host_ed25519_key"
  install -m 644 "$LAB/id.pub" "$u/etc/ssh/lab_keys"
  # what OpenSSH does by default, against quantum computers, takes a tenth of a second of CPU for each login
  mkdir -p "$u/etc/ssh/sshd_config.d"; echo 'KexAlgorithms curve25519-sha256' >"$u/etc/ssh/sshd_config.d/kex.conf"
  echo "UUID=$(blkid -p -s UUID -o value "$H/disk.img") ${MNT[$h]} btrfs $(mounted_with "$h") 0 0" >"$u/etc/fstab"
  attach "$h"
  ln -s "../${MNT[$h]#/}.mount" "$u/etc/systemd/system/local-fs.target.wants/"
  sed -i "/^${IP[$h]//./\\.},/d" "$LAB/known_hosts"
  sed "s/^/${IP[$h]},$h /" "$u/etc/ssh/ssh_host_ed25519_key.pub" >>"$LAB/known_hosts"
}

# Btrfs writes nothing over what its super block's generation holds. So a copy of the disk
# under an unchanged generation is what a power cut at that moment would have left.
generation() { od -An -tu8 -j65608 -N8 "$LAB/$1/disk.img"; }
crash() {
  machine "$1"; alive "$1" || die "$1 is off"
  local H=$LAB/$1 g
  echo 1 >"$CG/$ID-$1/cgroup.freeze"
  while :; do
    g=$(generation "$1"); cp --sparse=always "$H/disk.img" "$H/crash.img"
    [ "$g" != "$(generation "$1")" ] || break
  done
  power_off "$1"; detach "$1"
  btrfs device scan -u "$(cat "$H/loop")" >/dev/null 2>&1 || true # or the kernel wants the newer one
  mv "$H/crash.img" "$H/disk.img"; attach "$1"
}

on() { # HOST SCRIPT ARGS...: as root
  ssh -F "$LAB/ssh_config" "$1" sh -s - "${@:3}" <<<"$2"
}
# One file takes all that is free but FREE; where Btrfs promises more than it can give, the
# file is made a little smaller until it fits.
fill() {
  # the machine's own shell expands them
  # shellcheck disable=SC2016
  on "$1" 'set -eu; cd "$1"; rm -f .lab-fill; btrfs filesystem sync .
    size=$(($(df --output=avail -B1 . | tail -n1) - $(numfmt --from=iec "$2")))
    until [ "$size" -gt 0 ] || { echo "less than $2 is free" >&2; exit 1; }; fallocate -l "$size" .lab-fill 2>/dev/null; do
      size=$((size - (4 << 20))); done
    btrfs filesystem sync .' "${MNT[$1]}" "${2:-20M}"
}
unfill() { on "$1" 'rm -f "$1/.lab-fill"; btrfs filesystem sync "$1"' "${MNT[$1]}"; }

# The host's PID 1's parent. It lives in the host's cgroup and in a mount namespace of its
# own, which holds the root file system's mount: all of it goes when the host is killed.
supervise() {
  enter "$1"
  # the shell in there expands them
  # shellcheck disable=SC2016
  exec unshare -m --propagation slave bash -c '
    set -eu; self=$1 h=$2 H=$3 p=$4 debs=$5 base=$6 r=133
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$H/up,workdir=$H/work" "$H/root"
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
    mkdir -p /run/systemd; mount -t tmpfs -o mode=755 tmpfs /run/systemd
    while [ $r = 133 ]; do                                     # 133: it asked to reboot
      [ -e "$H.cut" ] || ip link set dev "$p" up
      r=0; systemd-nspawn --quiet --boot --keep-unit --register=no --console=pipe \
        -D "$H/root" --machine="$p" --hostname="$h" --network-namespace-path="/run/netns/$p" \
        --bind="$(cat "$H/loop")" --bind-ro="$debs:/var/local/debs" --link-journal=no \
        --resolv-conf=off --timezone=off || r=$?
      ip link set dev "$p" down || true
      echo "lab.sh: $h is off ($r)"
    done' - "$SELF" "$1" "$LAB/$1" "$ID-$1" "$CACHE/debs" "$CACHE/base"
}
boot() { # without waiting
  machine "$1"; [ -d "$LAB/$1/up" ] || die "$1: no such machine yet: lab.sh up"
  alive "$1" && return
  reap "$1"
  (trap '' HUP; exec setsid "$SELF" _supervise "$1") </dev/null >>"$LAB/$1/console.log" 2>&1 9>&- &
}
ready() { # sshd answers and every unit has come up or failed; asked from inside: cut or not
  local s in=(ip netns exec "$ID-$1")
  soon timeout 2 "${in[@]}" bash -c 'exec 3<>/dev/tcp/127.0.0.1/22; read -r -t1 <&3' 2>/dev/null ||
    die "$1 did not come up: see $LAB/$1/console.log"
  s=$("${in[@]}" ssh -F "$LAB/ssh_config" -o HostName=127.0.0.1 -o HostKeyAlias="${IP[$1]}" "$1" \
    systemctl is-system-running --wait) || true
  [ "$s" = running ] || echo "lab.sh: $1 is up but '$s'" >&2
}

check() { # says why there can be no lab here
  local t
  for t in debootstrap systemd-nspawn ip losetup mkfs.btrfs ssh ssh-keygen python3 setsid unshare findmnt; do
    command -v "$t" >/dev/null || die "no $t: apt-get install --no-install-recommends debootstrap systemd-container btrfs-progs openssh-client iproute2 python3"
  done
  [ -n "$CG" ] || die "no cgroup2 is mounted: mount -t cgroup2 none /sys/fs/cgroup (or any folder)"
  grep -qw btrfs /proc/filesystems || modprobe btrfs 2>/dev/null || die "this kernel has no Btrfs"
  losetup -f >/dev/null 2>&1 || die "no loop devices here"
}
up() {
  local h
  check
  base
  [ -e "$LAB/id" ] || ssh-keygen -q -t ed25519 -N '' -C lab -f "$LAB/id"
  touch "$LAB/known_hosts"
  {
    printf 'Host *\n  User root\n  IdentityFile %s/id\n  IdentitiesOnly yes\n  UserKnownHostsFile %s/known_hosts\n' "$LAB" "$LAB"
    printf '  StrictHostKeyChecking yes\n  ConnectTimeout 5\n  LogLevel ERROR\n'
    for h in "${!MNT[@]}"; do printf 'Host %s\n  HostName %s\n' "$h" "${IP[$h]}"; done
  } >"$LAB/ssh_config"
  net_up
  for h in "${!MNT[@]}"; do [ -d "$LAB/$h/up" ] || fresh "$h"; boot "$h"; done
  for h in "${!MNT[@]}"; do ready "$h"; done
}
down() {
  local h all=${1:-}
  for h in "${!IP[@]}"; do
    [ -z "${MNT[$h]:-}" ] || { power_off "$h"; detach "$h"; }
    reap "$h-netem"; reap "$h-in"
    ip netns del "$ID-$h-d" 2>/dev/null || true
    ip link del "$ID-$h" 2>/dev/null || true
    ip netns del "$ID-$h" 2>/dev/null || true
  done
  ip link del "$BR" 2>/dev/null || true
  rm -rf "$LAB"
  [ "$all" != --all ] || ip route del unreachable "$NET.0/24" metric 4242 2>/dev/null || true
}

[ "$(id -u)" = 0 ] || die "needs root"
[ "${#ID}" -le 6 ] || die "LAB_ID=$ID is longer than 6 characters" # an interface name has at most 15
(umask 077; mkdir -p "$LAB"); mkdir -p "$CACHE"
verb=${1:-help}; shift || true
case $verb in up | down | fill | unfill | wipe | kill | start | crash | cut | heal | netem | base) exec 9>"$LAB_STATE/$ID.lock"; flock 9 ;; esac
case $verb in
  up) up ;;
  down) down "$@" ;;
  check) check ;;
  base) check; base ;;
  ssh) machine "${1:-}"; exec ssh -F "$LAB/ssh_config" "$@" ;;
  wipe) machine "${1:-}"; fresh "$@"; boot "$1"; ready "$1" ;;
  kill) power_off "${1:-}" ;;
  crash) crash "${1:-}" ;;
  start) boot "${1:-}"; ready "$1" ;;
  cut) port "${1:-}"; touch "$LAB/$1.cut"; ip link set dev "$ID-$1" down ;;
  heal) port "${1:-}"; rm -f "$LAB/$1.cut"; link_up "$1" ;;
  netem) port "${1:-}"; [ -n "${2:-}" ] || die "netem HOST MS [MBIT [LOSS%]]"; netem "$@" ;;
  stall | flow) port "${1:-}"; alive "$1-netem" || die "$1 has no netem"
    [ "$verb" = flow ] || v=1; echo "${v:-0}" >"$CG/$ID-$1-netem/cgroup.freeze" ;;
  fill | unfill) machine "${1:-}"; "$verb" "$@" ;;
  in) port "${1:-}"; h=$1; shift; enter "$h-in"; exec ip netns exec "$ID-$h" "$@" ;;
  dir) echo "$LAB" ;;
  status) for h in "${!MNT[@]}"; do
    echo "$h ${IP[$h]} $(alive "$h" && echo on || echo off)$([ -e "$LAB/$h.cut" ] && echo ' cut')$(alive "$h-netem" && echo ' netem')"; done ;;
  _supervise) supervise "$1" ;;
  *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$SELF"; [ "$verb" = help ] ;;
esac
