import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab, Machine } from "./lab.ts";

const TREE_SH = readFileSync(join(import.meta.dirname, "tree.sh"), "utf8");

/** Where a tree is: on which machine, at which path. */
export type Place = readonly [machine: Machine, path: string];

/** What plants and describes trees, as the command `lab-tree` (see tree.sh), with what it needs. */
export const installTreeTools = (lab: Lab, machine: Machine): Promise<string> =>
  lab.must(
    machine,
    `cat >/usr/local/bin/lab-tree && chmod 755 /usr/local/bin/lab-tree
     apt-get -qq update && apt-get -qq -y install attr acl >/dev/null`,
    { input: TREE_SH },
  );

/** Makes a tree with everything that a file system can hold in a folder, which is made if missing. */
export const plantTree = (lab: Lab, [machine, path]: Place): Promise<string> =>
  lab.must(machine, `lab-tree plant ${path}`);

/** Does to a planted tree, once, what months of work do to one. */
export const changeTree = (lab: Lab, [machine, path]: Place): Promise<string> =>
  lab.must(machine, `lab-tree change ${path}`);

/**
 * All that can be told of a tree, as lines: two trees are the same if and only if their texts are. With `holes`
 * also where the holes of its files are; tree.sh says what is not in it and why.
 */
export const fingerprint = (lab: Lab, [machine, path]: Place, holes: "holes" | "" = ""): Promise<string> =>
  lab.must(machine, `lab-tree fingerprint ${path} ${holes}`);
