import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { Signer } from "../../domain/names.ts";
import type { ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, damage, propose, unknownProblem } from "../answer.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestFile, olderManifestFile } from "../manifest/store.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { detailsOf, type KeyPair, lostKeys, toolsOn } from "./key-files.ts";
import { type KeyMaking, keyScript } from "./key-script.ts";
import { signerOf } from "./memory.ts";
import { FIRST_SUFFIX, signatureFile, signKeyFile, signKeyFiles } from "./signature.ts";

interface Input {
  readonly how: KeyMaking["how"];
  readonly dataset: DatasetSpec;
}

/** The server's key that signs the manifest: one of its own, beside the age identity. */
export const signKey: Reconciler<Input> = {
  kind: "sign-key",
  diff: (view) => {
    const { spec, facts } = view;
    if (facts.signKey.kind !== "known")
      return { problems: [unknownProblem(spec, spec.server, "the sign key", facts.signKey)] };
    const there = facts.signKey.value;
    const files = signKeyFiles(spec);
    const draft = {
      id: signKeyId(spec),
      host: spec.server,
      stage: "provision" as const,
      needs: [packagesId(spec.server), layoutId(spec, spec.server)],
    };
    const loss = lostKeys(facts, toolsOn(view.systems, spec.server)).signKey;
    const damaged = loss === "damaged";
    if (loss !== null && view.recovered.kind === "known") {
      const { escrowFrom, fingerprint } = view.recovered.value;
      return {
        actions: [
          propose("sign-key", spec, {
            ...draft,
            change: damaged ? "update" : "create",
            summary: `put the key that signs the manifest of ${spec.name} back from the escrow`,
            reason: `${damaged ? `the one on ${spec.server} is damaged, and stays beside it` : `${spec.server} has lost it`}; the escrow of ${escrowFrom} holds ${fingerprint}`,
            details: detailsOf(files),
            assumes: { key: null, fingerprint },
            input: { how: "put-back", dataset: spec },
          }),
        ],
      };
    }
    if (damaged)
      return {
        problems: [
          damage(
            "sign-key-damaged",
            spec,
            spec.server,
            `${files.key} is damaged: ssh-keygen can make nothing of it, and no manifest can be signed`,
            "devbackup apply --restore latest --identity FILE puts it back from the escrow; the damaged one stays beside it",
          ),
        ],
      };
    if (loss === "gone") {
      if (!neverSigned(view)) return { problems: [lost(spec)] };
      return {
        actions: [
          propose("sign-key", spec, {
            ...draft,
            change: "create",
            summary: `make the key that signs the manifest of ${spec.name}, which leaves this host in escrow alone`,
            reason: "there is none yet",
            details: detailsOf(files),
            assumes: { key: null },
            input: { how: "create", dataset: spec },
          }),
        ],
      };
    }
    const wrong = whatIsWrong(there);
    if (wrong.length === 0) return {};
    return {
      actions: [
        propose("sign-key", spec, {
          ...draft,
          change: "update",
          summary: `set the sign key of ${spec.name} right`,
          reason: wrong.join("; "),
          input: { how: "publish", dataset: spec },
        }),
      ],
    };
  },
  run: async ({ host, dataset, input }, tools) => {
    await expectSuccess(tools.host(host), scriptOf(input.how, input.dataset), {
      code: "sign-key-failed",
      what: `the sign key of ${dataset} could not be ${input.how === "put-back" ? "put back" : "made"}`,
      ...(input.how === "put-back" && { stdin: (await tools.escrow(input.dataset.name)).signKeyFile }),
    });
    return null;
  },
};

/** What every action that writes the manifest waits for. */
export const signKeyId = (spec: DatasetSpec): ActionId => actionId("sign-key", spec.name);

/** A repository that is new, or of a time when manifests were not signed: nothing anywhere speaks of a sign key. */
export const neverSigned = (view: View): boolean => {
  const { signKey: there, manifest } = view.facts;
  return (
    there.kind === "known" &&
    there.value.rights === null &&
    there.value.published === null &&
    (manifest.kind === "absent" ||
      (manifest.kind === "known" && ["missing", "unsigned"].includes(manifest.value.signature))) &&
    signerOf(view) === null
  );
};

const lost = (spec: DatasetSpec) =>
  damage(
    "sign-key-lost",
    spec,
    spec.server,
    `the sign key ${signKeyFile(spec)} is gone, and there is a signer already`,
    "put it back from the escrow: devbackup apply --restore latest --identity FILE; with a new one, nobody could tell this server's manifest from another's",
  );

function whatIsWrong({ rights, derived, published }: KeyPair<Signer>): string[] {
  if (rights !== "400 0") return [`its mode and owner are ${rights}, not 400 0`];
  return published !== null && published === derived
    ? []
    : ["the public half beside it is missing or another's"];
}

const scriptOf = (how: KeyMaking["how"], spec: DatasetSpec): string => {
  // says whose it is where it turns up elsewhere
  const comment = `devbackup ${spec.name}`;
  return keyScript({
    how,
    ...signKeyFiles(spec),
    make: sh`m=${manifestFile(spec)} s=${signatureFile(spec)}
if { [ -e "$m" ] || [ -s ${olderManifestFile(spec)} ]; } && [ ! -e "$s" ]; then : >"$s"${FIRST_SUFFIX}; sync "$s"${FIRST_SUFFIX}; fi
rm -f -- "$k.new" "$k.new.pub"
ssh-keygen -q -t ed25519 -N '' -C ${comment} -f "$k.new"; rm -f -- "$k.new.pub"`,
    tell: sh`by=$(ssh-keygen -y -P '' -f "$1") && printf '%s %s\n' "$(printf '%s' "$by" | cut -d' ' -f1,2)" ${comment}`,
  });
};
