import { datasetKeys } from "../domain/artifact.ts";
import { type EscrowTrial, tryEscrow } from "../reconcilers/keys/escrow-trial.ts";
import { MOST_ESCROW_BYTES, openEscrow } from "../recovery/escrow.ts";
import { verifySignature } from "../recovery/signature.ts";
import { checksText } from "../report/checks-text.ts";
import { type IdentityFlags, identitiesOf } from "./identity.ts";
import { looking } from "./looking.ts";
import type { CommonFlags } from "./terminal.ts";

interface KeysTestFlags extends CommonFlags, IdentityFlags {
  readonly dataset?: string;
}

/**
 * `devbackup keys test --identity FILE`: opens every copy of the escrow, and with what is in it the newest artifact.
 * Notes the proof on the server. Exit code 6 where anything does not open.
 */
export const keysTestCommand = (flags: KeysTestFlags): Promise<number> =>
  looking(flags, { servers: true }, async ({ terminal, desired, session }) => {
    // what they open is tried here, and brought back by nothing
    const identities = await identitiesOf(flags, terminal);
    const observed = await session.look();
    const results = [];
    for (const spec of desired.datasets) {
      const facts = observed.datasets.get(spec.name);
      if (facts === undefined) throw new RangeError(`${spec.name} was not observed`);
      const { cloud } = desired;
      const copies: EscrowTrial["copies"][number][] = [
        ["on this machine", () => session.escrowHere(spec.name)],
      ];
      if (cloud !== null)
        copies.push([
          "in the bucket",
          async () =>
            (await session.bucket()).get(datasetKeys(cloud.prefix, spec.name).escrow, MOST_ESCROW_BYTES),
        ]);
      const checks = await tryEscrow({
        spec,
        desired,
        facts,
        copies,
        inBucket: observed.buckets?.get(spec.name),
        server: await session.host(spec.server),
        bucket: session.bucket,
        open: (bytes) => openEscrow(identities, bytes, spec.name),
        isSigned: async (signed, signer) => (await verifySignature({ ...signed, signer })) === "good",
        now: new Date(),
      });
      results.push({ dataset: spec.name, passed: checks.every(({ ok }) => ok), checks });
    }
    if (terminal.json) await terminal.document({ formatVersion: 1, datasets: results });
    for (const { dataset, passed, checks } of results)
      (passed ? terminal.say : terminal.answer)(checksText(dataset, checks, terminal));
    return results.every(({ passed }) => passed) ? 0 : 6;
  });
