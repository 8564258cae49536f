import type { DatasetSpec } from "../desired-state/desired-state.ts";
import type { AbsolutePath, DatasetName } from "../domain/names.ts";
import type { ActionId } from "../plan/plan.ts";
import { sh } from "../transport/quote.ts";
import { keepDamaged, lostKeys, toolsOn } from "./key-files.ts";
import { layoutId } from "./layout.ts";
import { signerOf } from "./memory.ts";
import { packagesId } from "./packages.ts";
import { actionId, damage, propose, type Reconciler, unknownProblem, type View } from "./reconciler.ts";
import { expectSuccess } from "./run-script.ts";
import { FIRST_SUFFIX, type SignKeyFacts, signatureFile, signKeyFile, signPublicFile } from "./signature.ts";
import { manifestFile } from "./store.ts";

interface Input {
  readonly how: "create" | "publish" | "put-back";
  readonly dataset: DatasetName;
  readonly key: AbsolutePath;
  readonly publicHalf: AbsolutePath;
  /** Behind the key; says whose it is where it turns up elsewhere. */
  readonly comment: string;
  readonly manifest: AbsolutePath;
  readonly signature: AbsolutePath;
}

/** The server's key that signs the manifest: one of its own, beside the age identity. */
export const signKey: Reconciler<Input> = {
  kind: "sign-key",
  diff: (view) => {
    const { spec, facts } = view;
    if (facts.signKey.kind !== "known")
      return { problems: [unknownProblem(spec, spec.server, "the sign key", facts.signKey)] };
    const there = facts.signKey.value;
    const input = {
      dataset: spec.name,
      key: signKeyFile(spec),
      publicHalf: signPublicFile(spec),
      comment: `devbackup ${spec.name}`,
      manifest: manifestFile(spec),
      signature: signatureFile(spec),
    };
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
            details: [`${input.key}  root:root 0400`, `${input.publicHalf}  root:root 0444`],
            assumes: { key: null, fingerprint },
            input: { how: "put-back", ...input },
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
            `${input.key} is damaged: ssh-keygen can make nothing of it, and no manifest can be signed`,
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
            details: [`${input.key}  root:root 0400`, `${input.publicHalf}  root:root 0444`],
            assumes: { key: null },
            input: { how: "create", ...input },
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
          input: { how: "publish", ...input },
        }),
      ],
    };
  },
  run: async ({ host, dataset, input }, tools) => {
    const script = { create: createScript, publish: publishScript, "put-back": putBackScript }[input.how];
    await expectSuccess(tools.host(host), script(input), {
      code: "sign-key-failed",
      what: `the sign key of ${dataset} could not be ${input.how === "put-back" ? "put back" : "made"}`,
      ...(input.how === "put-back" && { stdin: (await tools.escrow(input.dataset)).signKeyFile }),
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
    there.value.keyRights === null &&
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

function whatIsWrong({ keyRights, derived, published }: SignKeyFacts): string[] {
  if (keyRights !== "400 0") return [`its mode and owner are ${keyRights}, not 400 0`];
  return published !== null && published === derived
    ? []
    : ["the public half beside it is missing or another's"];
}

const createScript = (input: Input): string =>
  `${sh`
umask 077
k=${input.key} m=${input.manifest} s=${input.signature}
if [ -e "$m" ] && [ ! -e "$s" ]; then : >"$s"${FIRST_SUFFIX}; sync "$s"${FIRST_SUFFIX}; fi
rm -f -- "$k.new" "$k.new.pub"
ssh-keygen -q -t ed25519 -N '' -C ${input.comment} -f "$k.new"
chmod 400 "$k.new"; sync "$k.new"; mv -T -- "$k.new" "$k"; rm -f -- "$k.new.pub"; sync "$(dirname -- "$k")"`}${publishScript(input)}`;

const putBackScript = (input: Input): string =>
  `${sh`
umask 077
k=${input.key}
cat >"$k.new"; ssh-keygen -y -P '' -f "$k.new" >/dev/null
chmod 400 "$k.new"; sync "$k.new"`}${keepDamaged(input.key)}${sh`mv -T -- "$k.new" "$k"; sync "$(dirname -- "$k")"`}${publishScript(input)}`;

const publishScript = ({ key, publicHalf, comment }: Input): string => sh`
umask 022
k=${key} p=${publicHalf} c=${comment}
chown root:root "$k"; chmod 400 "$k"
by=$(ssh-keygen -y -P '' -f "$k")
printf '%s %s\n' "$(printf '%s' "$by" | cut -d' ' -f1,2)" "$c" | cat >"$p.new"
chmod 444 "$p.new"; sync "$p.new"; mv -T -- "$p.new" "$p"; sync "$(dirname -- "$p")"`;
