import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { sh } from "../../transport/quote.ts";

/**
 * Lines of sh: `$w` is a folder of the script's own on the server's disk, which goes with it. What an earlier one has
 * left goes first; where that still runs, for a controller that is gone, it comes to nothing.
 */
export const serverScratch = ({ repository }: DatasetSpec): string => sh`
rm -rf -- ${`${repository}/tmp/proof.`}*
w=$(mktemp -d ${`${repository}/tmp/proof.XXXXXX`}) || exit 1
trap 'rm -rf -- "$w"' EXIT; trap 'exit 129' HUP INT TERM PIPE`;
