import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { Signer } from "../domain/names.ts";
import type { ActionId } from "../plan/plan.ts";
import { knownSigner } from "./memory.ts";
import { actionId, propose, type Reconciler } from "./reconciler.ts";

interface Input {
  readonly signer: Signer;
}

/**
 * A signer that nobody has vouched for, neither the desired state nor this controller's memory: whoever knows the
 * recovery recipient could have made such an escrow (age does not say who encrypted), so a person has to look.
 */
export const trust: Reconciler<Input> = {
  kind: "trust-signer",
  diff: (view) => {
    const { spec, recovered } = view;
    if (recovered.kind !== "known" || knownSigner(view) !== null) return {};
    const { fingerprint, signer, escrowFrom } = recovered.value;
    return {
      actions: [
        propose("trust-signer", spec, {
          id: trustId(spec),
          host: spec.server,
          stage: "provision",
          change: "create",
          hazard: "disruptive",
          summary: `trust the signer ${fingerprint}`,
          reason: `the escrow of ${escrowFrom} names it, and neither encryption.signers nor this machine knows it`,
          details: [
            "compare it with what devbackup keys show printed, or with the page in the safe",
            `where it is right, declare it: encryption: {signers: {${spec.name}: "${signer}"}}`,
          ],
          assumes: { fingerprint },
          input: { signer },
        }),
      ],
    };
  },
  run: async ({ dataset, input }, tools) => {
    if (dataset !== null) await tools.trust(dataset, input.signer);
    return null;
  },
};

/** What everything that comes out of the escrow waits for. */
export const trustId = (spec: DatasetSpec): ActionId => actionId("trust-signer", spec.name);
