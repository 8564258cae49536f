import { homedir } from "node:os";
import { join } from "node:path";
import { memoryPlace, recall } from "../controller/memory.ts";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { knownSigner } from "../domain/memory.ts";
import { refuseFullFolder, rescueKit, writeKit } from "../rescue/kit.ts";
import { type SeenHere, settingsFor } from "../rescue/settings.ts";
import { load } from "./load.ts";
import { readRequest } from "./request.ts";
import { type CommonFlags, openTerminal } from "./terminal.ts";

export interface RescueKitFlags extends CommonFlags {
  readonly out: string;
  readonly dataset?: string;
}

/** `devbackup rescue-kit --out DIR`: what restores without devbackup; contacts nothing. Several datasets: DIR/NAME. */
export async function rescueKitCommand(flags: RescueKitFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const now = new Date();
  const { desired } = readRequest(loaded.desired, flags, now);
  refuseFullFolder(flags.out);
  const kits = await Promise.all(
    desired.datasets.map(async (spec) => {
      const seen = await seenHere(desired, spec);
      const kit = rescueKit(settingsFor(desired, spec, seen), now);
      const dir = desired.datasets.length === 1 ? flags.out : join(flags.out, spec.name);
      writeKit(dir, kit);
      return { dataset: spec.name, dir, files: [...kit.keys()], signer: seen.signer };
    }),
  );
  if (terminal.json) await terminal.document({ formatVersion: 1, kits });
  for (const { dataset, dir, signer } of kits)
    terminal.say(
      `${dataset}: ${join(dir, "README.html")} says what to do on the bad day. Print it, and keep the folder off these machines.\n${signer === null ? SIGNER_UNKNOWN : ""}`,
    );
  return 0;
}

async function seenHere(desired: DesiredState, spec: DatasetSpec): Promise<SeenHere> {
  const memory = await recall(memoryPlace(spec, desired, { home: homedir(), env: process.env }));
  return {
    signer: knownSigner(desired.signers, spec.name, memory),
    newest: memory.kind === "known" ? (memory.value.newest?.label ?? null) : null,
  };
}

const SIGNER_UNKNOWN =
  "  The server's signing key is not known here yet: whoever restores has to compare its fingerprint. To have it in\n  the kit, make the kit again after an apply from this machine, or declare encryption.signers.\n";
