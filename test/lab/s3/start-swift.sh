#!/bin/bash
# OpenStack Swift as one node, with its S3 interface. Root only; needs the packages of servers.ts.
# usage: start-swift.sh DIR PORT [HOST]    uses PORT to PORT+4; S3 access key test:tester, the secret below
# Prints "ready ENDPOINT"; stops all of its servers and ends when stdin does.
# `workers = 0`: one process each; with more, the first asks a hundred times a second whether they still live.
set -eu
D=${1:-./swift-data}; P=${2:-9120}; H=${3:-127.0.0.1}; mkdir -p "$D/etc" "$D/srv/d1" "$D/log" "$D/run"
D=$(cd "$D" && pwd)
export SWIFT_DIR="$D/etc"
if [ ! -f "$D/etc/swift.conf" ]; then
cat > "$D/etc/swift.conf" <<C
[swift-hash]
swift_hash_path_suffix = devbackup
swift_hash_path_prefix = devbackup
[storage-policy:0]
name = default
default = yes
C
for t in account container object; do
case $t in account) tp=$((P+1));; container) tp=$((P+2));; object) tp=$((P+3));; esac
cat > "$D/etc/$t-server.conf" <<C
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $tp
workers = 0
user = root
swift_dir = $D/etc
devices = $D/srv
mount_check = false
log_level = WARNING
[pipeline:main]
pipeline = $t-server
[app:$t-server]
use = egg:swift#$t
$( [ $t = container ] && echo 'allow_versions = true')
[$t-replicator]
[$t-auditor]
[$t-updater]
[container-sync]
[account-reaper]
[object-reconstructor]
C
done
# as swift-ring-builder would, which takes half a second for each of nine steps
/usr/bin/python3 - "$D/etc" "$P" <<'C'
import sys
from swift.common.ring import RingBuilder
for n, t in enumerate(("account", "container", "object")):
    port = int(sys.argv[2]) + 1 + n
    b = RingBuilder(4, 1, 1)
    b.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1",
               "replication_port": port, "device": "d1", "weight": 1, "meta": ""})
    b.rebalance()
    b.get_ring().save(f"{sys.argv[1]}/{t}.ring.gz")
C
cat > "$D/etc/proxy-server.conf" <<C
[DEFAULT]
bind_ip = $H
bind_port = $P
workers = 0
user = root
swift_dir = $D/etc
log_level = INFO
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((P+4))
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
allow_multipart_uploads = yes
check_bucket_owner = no
dns_compliant_bucket_names = yes
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = no-one-may-find-this-bucket-secret .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
max_manifest_segments = 10000
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
C
fi
pids=""
stop() { trap - EXIT TERM INT; kill $pids 2>/dev/null || true; wait; }
trap 'stop; exit 0' EXIT TERM INT
start() { "$@" > "$D/log/$(basename "$1").log" 2>&1 < /dev/null & pids="$pids $!"; }
start memcached -u root -l 127.0.0.1 -p $((P+4)) -m 64
for t in account container object proxy; do start swift-$t-server "$D/etc/$t-server.conf" -v; done
# the proxy may be up before the servers behind it, and then answers 503
for port in $((P+1)) $((P+2)) $((P+3)) $((P+4)); do
timeout 120 bash -c "until : 2>/dev/null </dev/tcp/127.0.0.1/$port; do sleep 0.3; done"
done
timeout 120 bash -c "until curl -sf -o /dev/null http://$H:$P/healthcheck; do sleep 0.3; done"
echo "ready http://$H:$P"
exec 3<&0
cat <&3 > /dev/null &
wait $!
