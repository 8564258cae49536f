import assert from "node:assert/strict";
import type { Lab, Machine } from "./lab.ts";

const FOLDERS: Readonly<Record<Machine, string>> = { ws: "/home", ls: "/srv" };

/** All that devbackup could change, on both machines and in the bucket, as text to be compared. */
export async function footprint(lab: Lab): Promise<string> {
  const [ws, ls, objects] = await Promise.all([
    onMachine(lab, "ws"),
    onMachine(lab, "ls"),
    lab.bucket.list(),
  ]);
  return [ws, ls, ...objects.map(({ key, sizeBytes }) => `bucket: ${key} ${sizeBytes}`)].join("\n");
}

/** @throws AssertionError with the difference where `doing` leaves anything changed. */
export async function assertUnchanged<Value>(lab: Lab, doing: () => Promise<Value>): Promise<Value> {
  const before = await footprint(lab);
  const value = await doing();
  assert.equal(await footprint(lab), before);
  return value;
}

/** The lock's file may come and go: it is how an apply that changes nothing found out that it may not. */
const onMachine = (lab: Lab, machine: Machine): Promise<string> =>
  lab.must(
    machine,
    `btrfs subvolume list -u ${FOLDERS[machine]} | sed 's/ gen [0-9]* / /' | sort
     find ${FOLDERS[machine]} /etc/devbackup \\( -name locks -o -name .lab-fill \\) -prune -o \\
       \\( -type d -printf '${machine}: %y %m %u %p\\n' -o -printf '${machine}: %y %m %u %s %T@ %p\\n' \\) 2>/dev/null | sort
     dpkg-query -W -f '\${Package} ' | cksum`,
  );
