import type { Lab } from "../../test/lab/lab.ts";

const MIB = 1024 ** 2;

/**
 * Puts about `sizeBytes` into `path` on the workstation. Half of them lie in many small files (4 to 64 KiB), half
 * in big ones; of both, half compress well (numbers as text) and half not at all (a cipher's output, the same in
 * every run). Ends with all of it on the disk.
 * @returns how many files
 */
export async function fillDataset(lab: Lab, path: string, sizeBytes: number): Promise<number> {
  const eighth = Math.round(sizeBytes / MIB / 8);
  const files = await lab.must(
    "ws",
    `set -e
path=${path} eighth=${eighth}
noise() { openssl enc -aes-128-ctr -nosalt -K "$1" -iv 0 -in /dev/zero 2>/dev/null; }
text() { seq "$1"00000000 "$1"99999999; }
for kind in noise text; do
  n=100
  for kib in 4 8 16 32 64; do
    n=$((n + 1)) d=$path/$kind/$kib
    mkdir -p "$d"
    $kind $n | head -c $((eighth * ${MIB} * 2 / 5)) | (cd "$d" && split -a 5 -b "$kib"K - file.)
  done
  $kind 200 | head -c "$eighth"M >"$path/$kind/big.1"
  $kind 300 | head -c "$eighth"M >"$path/$kind/big.2"
done
chown -R dev: "$path"
sync -f "$path"
find "$path" -type f | wc -l`,
  );
  return Number(files);
}
