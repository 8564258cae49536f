import assert from "node:assert/strict";
import { download, parseRows, planned, sha256 } from "../lab/expect.ts";
import type { Lab } from "../lab/lab.ts";
import { noResidue } from "../lab/residue.ts";

/** A dataset that is tortured: everything of it lies at places of its own, named after it. */
export interface Dataset {
  readonly name: string;
  /** The folder of its desired state. */
  readonly config: string;
  /** The hash of its tree at each label. */
  readonly trees: Map<string, string>;
}

export const placesOf = (name: string) => ({
  source: `/home/dev/${name}`,
  snapshots: `/home/dev/${name}.snapshots`,
  repository: `/srv/btrfs-backups/${name}`,
  workingCopy: `/srv/work/${name}`,
});

/** A shell function: `tree FOLDER` prints the hash of all that is in it. */
export const TREE = `tree() { (cd "$1" && find . -mindepth 1 -maxdepth 1 -printf '%f\\0' | LC_ALL=C sort -z |
  tar --sort=name --numeric-owner --format=gnu -c --null -T - | sha256sum | cut -c1-64); }`;

/** Lines that both machines tell: `lineage NAME UUID RECEIVED ro=…`, `tree NAME HASH`, `left …` for what should be gone. */
const SUBVOLUMES = `${TREE}
of() { btrfs subvolume show -- "$1" | sed -n "s/^[[:space:]]*$2:[[:space:]]*//p"; }
subvolumes() {
  for s in "$1"/*@*; do
    [ -e "$s" ] || continue
    echo "lineage \${s##*/} $(of "$s" UUID) $(of "$s" 'Received UUID') $(btrfs property get -ts "$s" ro)"
    echo "tree \${s##*/} $(tree "$s")"
  done
}
for w in /run/devbackup.*; do [ ! -e "$w" ] || echo "left $w"; done
# a lock whose link has died is given up in its own time
n=0; while pgrep -f '[d]evbackup-shell' >/dev/null && [ $n -lt 100 ]; do sleep 0.2; n=$((n + 1)); done
pgrep -af '[d]evbackup-shell' | sed 's/^/left /'`;
const FIND = `-printf 'file %y %m %U:%G %p\\n'`;

/**
 * What stands of a dataset on both machines and in the bucket, as text in which its name is NAME: where another one
 * went the same way, the texts are the same. With `contents` also the hashes of keys, manifest and artifacts, for
 * where it is the same dataset.
 * @throws AssertionError where anything of it is not what it should be, or anything is left running or lying about
 */
export async function standing(
  lab: Lab,
  { name, config, trees }: Dataset,
  args: readonly string[],
  { contents = false } = {},
): Promise<string> {
  await noResidue(lab, 20_000);
  const second = await planned(lab, ["--config", config, ...args]);
  const [ws, ls] = await Promise.all([lab.must("ws", onWorkstation(name)), lab.must("ls", onServer(name))]);
  const say = `${ws}\n${ls}`;
  assert.deepEqual(second.problems, [], say);
  assert.deepEqual(second.actions, [], say);
  const lines = (word: string, text: string): string[] =>
    text.split("\n").flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  assert.deepEqual([...lines("left", ws), ...lines("left", ls)], []);
  assert.deepEqual(lines("signature", ls), ["good"]);

  const rows = parseRows(ls.slice(ls.indexOf("ts\tlabel")));
  const hashes = new Map(lines("sha256", ls).map((line) => [line.slice(66), line.slice(0, 64)]));
  const objects = (await lab.bucket.list(`${name}/`)).map(({ key }) => key);
  for (const row of rows) {
    assert.equal(hashes.get(`./${row.localPath}`), row.sha256, row.localPath);
    assert.equal(sha256(await download(lab, row.objectKey)), row.sha256, row.objectKey);
  }
  assert.ok(lines("state", ls).includes(`LATEST_LABEL=${rows.at(-1)?.label}`), ls);

  for (const line of [...lines("tree", ws), ...lines("tree", ls)]) {
    const [what = "", hash] = line.split(" ");
    assert.equal(hash, trees.get(what.split("@")[1] ?? newest(trees)), `${line}\n${say}`);
  }
  const lineage = (text: string) => new Map(lines("lineage", text).map((line) => [line.split(" ")[0], line]));
  const there = lineage(ls);
  for (const [snapshot, line] of lineage(ws)) {
    const [, uuid, received, ro] = line.split(" ");
    const [, , receivedThere, roThere] = there.get(snapshot)?.split(" ") ?? [];
    assert.deepEqual([ro, roThere], ["ro=true", "ro=true"], say);
    assert.equal(receivedThere, received === "-" ? uuid : received, say);
  }
  return [
    ...lines("file", ws),
    ...lines("file", ls),
    ...rows.map(({ label, type, parent }) => `row ${label} ${type} ${parent}`),
    ...[...there.keys()].map((snapshot) => `hydrated ${snapshot}`),
    ...objects.map((key) => `object ${key}`),
    ...(contents ? lines("sha256", ls) : []),
  ]
    .sort()
    .join("\n")
    .replaceAll(name, "NAME");
}

export const newest = (trees: ReadonlyMap<string, string>): string => [...trees.keys()].at(-1) ?? "";

const onWorkstation = (name: string): string => `${SUBVOLUMES}
cd /home/dev
find . -maxdepth 1 -name '${name}*' ${FIND}
[ ! -e ${name}.snapshots ] || find ${name}.snapshots -mindepth 1 -maxdepth 1 ${FIND}
[ ! -e /etc/devbackup ] || find /etc/devbackup -name '*${name}*' ${FIND}
subvolumes ${placesOf(name).snapshots}
echo "tree source $(tree ${placesOf(name).source})"`;

const onServer = (name: string): string => `${SUBVOLUMES}
cd ${placesOf(name).repository}
find . -path ./logs -prune -o -path './restore/worktree_receive/*/*' -prune -o ${FIND}
find keys manifests artifacts -type f | LC_ALL=C sort | sed 's|^|./|' | xargs sha256sum | sed 's/^/sha256 /'
sed 's/^/state /' manifests/state.env
for l in locks/*.lock; do flock -n "$l" true || echo "left $l, held"; done
printf 'devbackup namespaces="devbackup-manifest" %s\\n' "$(cut -d' ' -f1,2 keys/ls_${name}_sign.pub)" >/tmp/signers
ssh-keygen -Y verify -I devbackup -n devbackup-manifest -f /tmp/signers -s manifests/snapshots_v2.tsv.sig \\
  <manifests/snapshots_v2.tsv >/dev/null && echo "signature good"
subvolumes restore/worktree_receive
find /srv/work -maxdepth 1 -name '${name}*' ${FIND}
echo "tree working-copy $(tree ${placesOf(name).workingCopy})"
cat manifests/snapshots_v2.tsv`;
