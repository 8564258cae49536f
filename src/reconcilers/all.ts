import { artifact } from "./artifact/artifact.ts";
import { fetch } from "./artifact/fetch.ts";
import { bucketLock } from "./cloud/bucket-lock.ts";
import { cloudObjects, leftovers } from "./cloud/cloud.ts";
import { cloudManifest } from "./cloud/cloud-manifest.ts";
import { hooks } from "./hooks/hooks.ts";
import { escrow } from "./keys/escrow.ts";
import { cloudEscrow, escrowCopy } from "./keys/escrow-copies.ts";
import { keys } from "./keys/keys.ts";
import { signKey } from "./keys/sign-key.ts";
import { trust } from "./keys/trust.ts";
import { layout } from "./machine/layout.ts";
import { packages } from "./machine/packages.ts";
import { restrict } from "./machine/restrict.ts";
import { register } from "./manifest/register.ts";
import { setAside } from "./manifest/set-aside.ts";
import { sign } from "./manifest/sign.ts";
import { outlook } from "./outlook.ts";
import { drill } from "./proof/drill.ts";
import { fingerprint } from "./proof/fingerprint.ts";
import { extract } from "./receive/extract.ts";
import { hydrate } from "./receive/hydrate.ts";
import { receive } from "./receive/receive.ts";
import { setAsideSnapshot } from "./receive/set-aside-snapshot.ts";
import { workingCopy } from "./receive/working-copy.ts";
import { worktree } from "./receive/worktree.ts";
import type { Reconciler } from "./reconciler.ts";
import { retention } from "./retention/retention.ts";
import { scheduleKey, scheduleLogin } from "./schedule/login.ts";
import { scheduledProgram } from "./schedule/program.ts";
import { schedule } from "./schedule/schedule.ts";
import { unschedule } from "./schedule/unschedule.ts";
import { scripts } from "./scripts/scripts.ts";
import { snapshot } from "./snapshot/snapshot.ts";
import { subvolume } from "./snapshot/subvolume.ts";
import { verifyShare } from "./verify/share.ts";

/** Every kind of thing that is brought into line, in the order of one backup. */
export const RECONCILERS: readonly Reconciler[] = [
  packages,
  restrict,
  scheduledProgram,
  scheduleKey,
  scheduleLogin,
  schedule,
  unschedule,
  scripts,
  layout,
  subvolume,
  keys,
  signKey,
  escrow,
  escrowCopy,
  setAside,
  hooks,
  snapshot,
  artifact,
  sign,
  register,
  fingerprint,
  fetch,
  setAsideSnapshot,
  hydrate,
  workingCopy,
  drill,
  verifyShare,
  bucketLock,
  leftovers,
  cloudObjects,
  cloudManifest,
  cloudEscrow,
  retention,
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
  setAsideSnapshot,
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
