#!/bin/sh
# run.sh unit|test|demo|bench|torture|fuzz|package [ARGUMENTS]: what `npm run` of that name does, from a fresh clone on.
set -eu
cd "$(dirname "$0")/.."
what=${1:?unit, test, demo, bench, torture, fuzz or package}
shift
sh scripts/setup.sh "$what"

# the Node that `npm ci` has brought goes before the machine's own
PATH=$PWD/node_modules/.bin:$PATH
export PATH
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) ? 0 : 1)' || {
  echo "Node.js 22.12 or newer is needed; this machine has $(node --version 2>&1), and npm has no binary for it" >&2
  exit 1
}

# machines and namespaces need root
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    sudo env "PATH=$PATH" "CI=${CI:-}" "LAB_ID=${LAB_ID:-lab}" "LAB_NET=${LAB_NET:-10.77.0}" "$@"
  else
    "$@"
  fi
}

case $what in
unit)
  node --import tsx test/run.ts unit "$@"
  ;;
test)
  tsc --noEmit
  biome check
  node scripts/build.mjs
  as_root node --import tsx test/run.ts all "$@"
  ;;
fuzz | package)
  node --import tsx "scripts/$what.ts" "$@"
  ;;
demo | bench | torture)
  node scripts/build.mjs
  as_root node --import tsx "scripts/$what.ts" "$@"
  ;;
esac
