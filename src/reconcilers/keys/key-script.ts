import { sh } from "../../transport/quote.ts";
import type { KeyPairFiles } from "./key-files.ts";

/** How a key comes to its place, and its public half beside it. */
export interface KeyMaking extends KeyPairFiles {
  readonly how: "create" | "put-back" | "publish";
  /** Lines of sh that make a new one in `"$k.new"`. */
  readonly make: string;
  /** A command of sh that prints the public half of the one in `"$1"`. */
  readonly tell: string;
}

/**
 * Makes a key, or puts one back that stands on stdin, or leaves the one that is there; then sets its rights, and its public
 * half beside it. What stands at its place and is none is kept: it may be all that is left of it.
 */
export const keyScript = ({ how, key, publicHalf, make, tell }: KeyMaking): string => `
public_half() { ${tell}; }
${sh`k=${key} p=${publicHalf}`}
${how === "publish" ? "" : placeScript(how === "create" ? make : 'cat >"$k.new"')}
umask 022
chown root:root "$k"; chmod 400 "$k"
public_half "$k" | cat >"$p.new"; [ -s "$p.new" ]
chmod 444 "$p.new"; sync "$p.new"; mv -T -- "$p.new" "$p"; sync "$(dirname -- "$p")"`;

const placeScript = (make: string): string => `umask 077
${make}
# not what is empty, cut off or none at all
public_half "$k.new" >/dev/null
chmod 400 "$k.new"; sync "$k.new"
if [ -e "$k" ]; then
  mv -T -n -- "$k" "$k.damaged-$(date -u +%Y%m%dT%H%M%SZ)"; [ ! -e "$k" ]
fi
mv -T -- "$k.new" "$k"; sync "$(dirname -- "$k")"`;
