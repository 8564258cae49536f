import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { LET_GO } from "../../transport/fence.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { watchBytes } from "../../transport/watch-size.ts";
import { GENTLY } from "../proof/listing.ts";

type At = Pick<DatasetSpec, "repository">;

/** Holds the process group of what verifies there, for {@link watchRead}. Nothing rests on it. */
const groupFile = ({ repository }: At): AbsolutePath => joinPath(repository, "locks/verify.group");

/**
 * `host` with all that is run there at the back of every queue: it reads all that there is, and nobody waits for it.
 * What it leaves behind, marks, is bound to the very thing that was read: another run need not wait.
 */
export const gently = (host: Host, at: At): Host => ({
  ...host,
  run: (script, options) => host.run(`${gentlyLines(at)}${script}`, options),
});

const gentlyLines = (at: At): string => `
${GENTLY}${sh`
{ read -r _ _ _ _ group _ <"/proc/$$/stat" && (umask 077; echo "$group" >${groupFile(at)}); } 2>/dev/null || :
`}${LET_GO}
`;

/**
 * Tells how much of what is hashed there has been read, about once a second, until the function it gives is called:
 * what every openssl of that process group has taken in (proc_pid_io(5)). No byte passes through anything more for it.
 */
export const watchRead = (host: Host, spec: DatasetSpec, tell: (bytes: number) => void): (() => void) =>
  watchBytes(host, readScript(spec), tell);

export const readScript = (spec: DatasetSpec): string => sh`
read -r verifying <${groupFile(spec)} || exit 0
for s in /proc/[0-9]*/stat; do
  { read -r pid name _ _ group _ <"$s"; } 2>/dev/null || continue
  [ "$group $name" != "$verifying (openssl)" ] || sed -n 's/^rchar: //p' "/proc/$pid/io"
done | awk '{ bytes += $1 } END { if (NR) printf "%.0f\n", bytes }'`;
