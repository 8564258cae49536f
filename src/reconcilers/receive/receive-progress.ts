import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { watchBytes } from "../../transport/watch-size.ts";
import type { Receiving } from "./receive-script.ts";

/**
 * Tells how much of the stream has arrived at `btrfs receive`, about once a second, until the function it gives is
 * called. What it counts is what the zstd of the process group that holds the lock has written (proc_pid_io(5)): no
 * byte passes through anything more for it.
 */
export const watchReceived = (
  host: Host,
  { lock }: Pick<Receiving, "lock">,
  tell: (bytes: number) => void,
): (() => void) =>
  watchBytes(
    host,
    sh`read -r holder <${lock} || exit 0
for s in /proc/[0-9]*/stat; do
  { read -r pid name _ _ group _ <"$s"; } 2>/dev/null || continue
  [ "$group $name" != "$holder (zstd)" ] || sed -n 's/^wchar: //p' "/proc/$pid/io"
done`,
    tell,
  );
