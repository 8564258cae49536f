import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { AbsolutePath } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose } from "../answer.ts";
import { neverSigned, signKeyId } from "../keys/sign-key.ts";
import { signatureFile, signatureFunctions } from "../keys/signature.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { manifestId } from "./register.ts";
import { replacementOf } from "./replacement.ts";
import { manifestFile } from "./store.ts";

interface Input {
  readonly dataset: DatasetSpec;
  readonly manifest: AbsolutePath;
  readonly sha256: string;
}

/**
 * A manifest that the server's key has not signed as it stands. Only the user can say that it is right, unless it is,
 * byte for byte, the newest that this controller has seen with a good signature: then the signature alone is lost.
 */
export const sign: Reconciler<Input> = {
  kind: "sign",
  diff: (view) => {
    const { spec, facts, course } = view;
    if (isAuthentic(view) || facts.manifest.kind !== "known") return {};
    const { sha256, signature } = facts.manifest.value;
    const newest = course.rows.at(-1)?.label;
    const seen = view.memory.kind === "known" && view.memory.value.newest?.manifestSha256 === sha256;
    return {
      actions: [
        propose("sign", spec, {
          id: signId(spec),
          host: spec.server,
          stage: "register",
          change: "update",
          ...(seen ? {} : IN_DOUBT),
          summary: `sign the manifest of ${spec.name} as it stands`,
          reason: seen
            ? `its signature is ${signature === "missing" ? "gone" : "damaged or another's"}; it is, to the byte, the one that this machine has last seen with a good one`
            : `${signature === "missing" ? "its signature is gone" : "it is not the one that the server signed"}; ${comparison(view, sha256)}. Nothing that rests on it is done before`,
          details: [
            manifestFile(spec),
            ...(seen
              ? []
              : ["if it is not right: move it away, and devbackup plan says what can take its place"]),
            `${signatureFile(spec)}: ${signature}`,
            newest === undefined ? "no rows" : `${plural(course.rows.length, "row")}, the newest ${newest}`,
          ],
          needs: [packagesId(spec.server), signKeyId(spec)],
          assumes: { manifest: sha256 },
          input: { dataset: spec, manifest: manifestFile(spec), sha256 },
        }),
      ],
    };
  },
  run: async ({ host, dataset, input }, tools) => {
    await expectSuccess(
      tools.host(host),
      `${signatureFunctions(input.dataset)}${sh`
umask 027
m=${input.manifest}
[ "$(sha256sum <"$m" | cut -c1-64)" = ${input.sha256} ] || { echo "the manifest has changed since it was read" >&2; exit 1; }
rm -f -- "$m.new"
sign "$m"`}`,
      { code: "sign-failed", what: `the manifest of ${dataset} could not be signed` },
    );
    return null;
  },
};

const IN_DOUBT = { hazard: "destructive", exitCode: 6 } as const;

/** What everything that rests on a manifest in doubt waits for. */
export const signId = (spec: DatasetSpec): ActionId => actionId("sign", spec.name);

/**
 * Whether the manifest's rows may be relied on: they are the server's own, or of a time when nothing was signed. With
 * nothing to check a signature with, it counts until there is: what comes up then stops what was planned. One that
 * can't be read has no rows to rely on.
 */
export const isAuthentic = (view: View): boolean => {
  const { manifest } = view.facts;
  if (manifest.kind !== "known" || manifest.value.reading.kind === "damaged") return true;
  const { signature } = manifest.value;
  return signature !== "wrong" && (signature !== "missing" || neverSigned(view));
};

/**
 * Lets the actions of a dataset that rest on its manifest wait until it is authentic, and there at all; one that
 * comes in doubt only later no longer fits what they were planned on.
 */
export function restingOnManifest(view: View, actions: readonly Action[]): Action[] {
  const authentic = isAuthentic(view);
  const first = [
    ...(authentic ? [] : [signId(view.spec)]),
    ...(replacementOf(view)?.kind === "ready" ? [manifestId(view.spec)] : []),
  ];
  return actions.map((action) =>
    UNCONCERNED.has(action.kind)
      ? action
      : {
          ...action,
          needs: [...action.needs, ...first],
          assumes: { ...action.assumes, manifestAuthentic: authentic ? true : null },
        },
  );
}

/** What the manifest has no say in. */
const UNCONCERNED: ReadonlySet<string> = new Set([
  "packages",
  "restrict",
  "scripts",
  "layout",
  "subvolume",
  "key",
  "sign-key",
  "sign",
  "escrow",
  "escrow-copy",
  "upload-escrow",
  "snapshot",
]);

/** What else is known to have been the manifest: whether it has changed, or its signature alone. */
function comparison({ facts, memory }: View, sha256: string): string {
  const { pushedManifest: pushed } = facts;
  if (pushed.kind === "known")
    return pushed.value.sha256 === sha256
      ? "it is still the one that was last sent to the bucket"
      : "it was changed since: another one was last sent to the bucket";
  return memory.kind === "known" && memory.value.newest !== null
    ? "it was changed since: another one was last seen by this machine"
    : "whether it was changed can't be told";
}
