import { artifact } from "./artifact.ts";
import { cloudObjects, leftovers } from "./cloud.ts";
import { cloudManifest } from "./cloud-manifest.ts";
import { hydrate } from "./hydrate.ts";
import { keys } from "./keys.ts";
import { layout } from "./layout.ts";
import { packages } from "./packages.ts";
import type { Reconciler } from "./reconciler.ts";
import { register } from "./register.ts";
import { setAside } from "./set-aside.ts";
import { sign } from "./sign.ts";
import { signKey } from "./sign-key.ts";
import { snapshot } from "./snapshot.ts";
import { subvolume } from "./subvolume.ts";
import { workingCopy } from "./working-copy.ts";

/** Every kind of thing that is brought into line, in the order of one backup. */
export const RECONCILERS: readonly Reconciler[] = [
  packages,
  layout,
  subvolume,
  keys,
  signKey,
  setAside,
  snapshot,
  artifact,
  sign,
  register,
  hydrate,
  workingCopy,
  leftovers,
  cloudObjects,
  cloudManifest,
];
