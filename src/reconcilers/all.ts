import { artifact } from "./artifact.ts";
import { bucketLock } from "./bucket-lock.ts";
import { cloudObjects, leftovers } from "./cloud.ts";
import { cloudManifest } from "./cloud-manifest.ts";
import { escrow } from "./escrow.ts";
import { cloudEscrow, escrowCopy } from "./escrow-copies.ts";
import { extract } from "./extract.ts";
import { fetch } from "./fetch.ts";
import { hydrate } from "./hydrate.ts";
import { keys } from "./keys.ts";
import { layout } from "./layout.ts";
import { outlook } from "./outlook.ts";
import { packages } from "./packages.ts";
import { receive } from "./receive.ts";
import type { Reconciler } from "./reconciler.ts";
import { register } from "./register.ts";
import { restrict } from "./restrict.ts";
import { setAside } from "./set-aside.ts";
import { sign } from "./sign.ts";
import { signKey } from "./sign-key.ts";
import { snapshot } from "./snapshot.ts";
import { subvolume } from "./subvolume.ts";
import { trust } from "./trust.ts";
import { workingCopy } from "./working-copy.ts";
import { worktree } from "./worktree.ts";

/** Every kind of thing that is brought into line, in the order of one backup. */
export const RECONCILERS: readonly Reconciler[] = [
  packages,
  restrict,
  layout,
  subvolume,
  keys,
  signKey,
  escrow,
  escrowCopy,
  setAside,
  snapshot,
  artifact,
  sign,
  register,
  fetch,
  hydrate,
  workingCopy,
  bucketLock,
  leftovers,
  cloudObjects,
  cloudManifest,
  cloudEscrow,
];

/** What a restore to where the dataset belongs asks, in its order. */
const IN_PLACE: readonly Reconciler[] = [receive, worktree, workingCopy];

/** What `--restore` asks: the server's side first, down to the hydrated snapshot, and then where it goes. */
export const restorers = (beside: boolean): readonly Reconciler[] => [
  outlook,
  trust,
  packages,
  layout,
  keys,
  signKey,
  sign,
  register,
  fetch,
  hydrate,
  ...(beside ? [extract] : IN_PLACE),
];

/** By the kind of its actions. */
export const reconcilerOf = (kind: string): Reconciler => {
  const found = [...RECONCILERS, ...restorers(true), ...restorers(false)].find(
    (reconciler) => reconciler.kind === kind,
  );
  if (found === undefined) throw new RangeError(`nothing can carry out ${kind}`);
  return found;
};
