#!/bin/sh
# setup.sh unit|test|demo|bench|torture|fuzz|package: installs what is missing on a Debian or Ubuntu machine, and nothing else:
# apt packages (as root or through sudo; not for unit, fuzz and package) and the npm packages of package-lock.json.
set -eu
cd "$(dirname "$0")/.."

LAB="debootstrap systemd-container btrfs-progs openssh-client iproute2 python3 zstd age openssl curl ca-certificates"
TEST="openssh-server sudo acl attr busybox rclone rsync zsh fish mandoc"
# looks at the report; Ubuntu's is a snap
grep -qs '^ID=debian' /etc/os-release && TEST="$TEST chromium"
SWIFT="swift-proxy swift-account swift-container swift-object memcached" # a second S3 server for the tests, and a quick one for the benchmarks

case ${1:-} in
unit | fuzz | package) wanted= ;;
test) wanted="$LAB $TEST $SWIFT" ;;
demo) wanted=$LAB ;;
bench | torture) wanted="$LAB $SWIFT" ;;
*) sed -n '2,3s/^# //p' "$0" >&2; exit 1 ;;
esac

say() { echo "setup: $*" >&2; }
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

install_packages() {
  missing=
  for package in $wanted; do installed "$package" || missing="$missing $package"; done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then
    root=
  elif command -v sudo >/dev/null; then
    root=sudo
  else
    say "neither root nor sudo: not installed:$missing"
    return 0
  fi
  say "installing with apt-get:$missing"
  # servers among them are wanted as programs: none is started, now or at boot
  $root sh -eu -s $missing <<'ROOT'
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      trap 'rm -f $policy' EXIT
      printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update </dev/null
    export DEBCONF_NOWARNINGS=yes
    apt-get -qq install -y --no-install-recommends "$@" </dev/null >/dev/null
    if command -v systemctl >/dev/null; then
      for package in "$@"; do
        for unit in $(dpkg -L "$package" | sed -n 's#.*/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$#\1#p'); do
          case $package in openssh-server | memcached | swift-*) systemctl -q disable "$unit" 2>/dev/null || true ;; esac
        done
      done
    fi
ROOT
}

install_modules() {
  if [ -e node_modules/.package-lock.json ] && ! [ package-lock.json -nt node_modules/.package-lock.json ]; then return 0; fi
  command -v npm >/dev/null || { say "no npm: apt-get install npm"; exit 1; }
  say "npm ci"
  npm ci >&2
  touch node_modules/.package-lock.json
}

if [ -n "$wanted" ]; then
  if command -v apt-get >/dev/null; then install_packages; else say "no apt-get here; needed are: $wanted"; fi
fi
install_modules
