import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab, Machine } from "./lab.ts";

const HOLD_SH = readFileSync(join(import.meta.dirname, "hold.sh"), "utf8");
const TOOLS = ["btrfs", "curl", "mv", "zstd"];

/** Lets calls of {@link TOOLS} on a machine be held, so that a test can cut things off right there (see hold.sh). */
export const installHold = (lab: Lab, machine: Machine): Promise<string> =>
  lab.must(
    machine,
    `cat >/usr/local/sbin/hold && chmod 755 /usr/local/sbin/hold
     for tool in ${TOOLS.join(" ")}; do ln -sf hold /usr/local/sbin/$tool; done`,
    { input: HOLD_SH },
  );

/** Holds the next call whose words fit `pattern`, a pattern of sh: `before` it begins, or `half` way through. */
export const hold = (
  lab: Lab,
  machine: Machine,
  where: "before" | "half",
  pattern: string,
): Promise<string> =>
  lab.must(machine, `rm -rf /run/hold; mkdir /run/hold; cat >/run/hold/${where}`, { input: pattern });

/** Resolves once a call is held. */
export const isHeld = (lab: Lab, machine: Machine): Promise<string> =>
  lab.must(machine, "timeout 120 sh -c 'until ls /run/hold/held.* >/dev/null 2>&1; do sleep 0.1; done'");

export const release = (lab: Lab, machine: Machine): Promise<string> => lab.must(machine, "rm -rf /run/hold");

/** What is held stays so; the next call that would have fitted is not held. */
export const holdNoMore = (lab: Lab, machine: Machine): Promise<string> =>
  lab.must(machine, "for f in /run/hold/before /run/hold/half; do [ ! -e $f ] || echo none >$f; done");
