import type { Signer } from "../../domain/names.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { fingerprintOf } from "../../transport/hash.ts";
import { actionId, damage, propose } from "../answer.ts";
import type { Reconciler } from "../reconciler.ts";
import type { View } from "../view.ts";
import { signerOf } from "./memory.ts";
import { signerThere } from "./signature.ts";

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
    const { spec, facts, recovered } = view;
    if (recovered.kind !== "known" || signerOf(view) !== null) return {};
    const { fingerprint, signer, escrowFrom } = recovered.value;
    const there = facts.signKey.kind === "known" ? signerThere(facts.signKey.value) : null;
    if (there === signer) return {};
    if (there !== null)
      return {
        problems: [
          damage(
            "signer-changed",
            spec,
            spec.server,
            `the escrow from ${escrowFrom} names the signer ${fingerprint}, and ${spec.server} has the sign key of ${fingerprintOf(there)}: the escrow may be forged`,
            `find out which is right (the page of the rescue kit, devbackup keys show, a copy of the escrow) and declare it: encryption.signers.${spec.name}`,
          ),
        ],
      };
    return {
      actions: [
        propose("trust-signer", spec, {
          id: trustId(view),
          host: spec.server,
          stage: "provision",
          change: "create",
          hazard: "disruptive",
          summary: `trust the signer ${fingerprint}`,
          reason: `the escrow from ${escrowFrom} names it, and neither encryption.signers nor this machine knows it`,
          details: [
            "compare it with what devbackup keys show printed, or with the page of the rescue kit",
            "if it is another: whoever writes to the bucket has made this escrow, and all that is restored would be theirs",
            "afterwards devbackup keys show prints the lines that declare it: then no machine has to ask again",
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

/** What everything waits for. With the fingerprint, so that an approval is of the signer that a person has compared. */
export const trustId = ({ spec, recovered }: View): ActionId =>
  actionId("trust-signer", `${spec.name}/${recovered.kind === "known" ? recovered.value.fingerprint : ""}`);

/** Until the signer is trusted, nothing at all is done for the dataset. */
export const afterTrust = (view: View, actions: readonly Action[]): Action[] =>
  actions.map((action) =>
    action.kind === trust.kind ? action : { ...action, needs: [...action.needs, trustId(view)] },
  );
