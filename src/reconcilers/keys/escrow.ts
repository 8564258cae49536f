import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { datasetKeys } from "../../domain/artifact.ts";
import type { AgeRecipient, Sha256 } from "../../domain/names.ts";
import { DAY_MS, plural } from "../../domain/units.ts";
import type { ActionId, Warning } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose, unknownProblem, warning } from "../answer.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import {
  type EscrowFacts,
  escrowedFiles,
  escrowFile,
  escrowFingerprint,
  escrowNote,
  keysSha256Script,
} from "./escrow-files.ts";
import { keyId, recipientId } from "./keys.ts";
import { signKeyId } from "./sign-key.ts";

interface Input {
  readonly dataset: DatasetSpec;
  /** Of the key files; null while one of them is still to be made. */
  readonly keysSha256: Sha256 | null;
  readonly recipients: readonly AgeRecipient[];
}

/** The server's keys, encrypted to everyone who may put them back: on the server itself, for the copies elsewhere. */
export const escrow: Reconciler<Input> = {
  kind: "escrow",
  diff: (view) => {
    const { spec, facts, desired } = view;
    if (facts.escrow.kind !== "known")
      return { problems: [unknownProblem(spec, spec.server, "the escrow", facts.escrow)] };
    const recipients = desired.recoveryRecipients;
    if (recipients.length === 0) return {};
    const reason = whyMake(facts.escrow.value, recipients);
    if (reason === null) return { warnings: untested(view, facts.escrow.value) };
    const { keysSha256, sha256 } = facts.escrow.value;
    return {
      warnings: [
        warning(
          "no-escrow",
          spec,
          spec.server,
          sha256 === null
            ? noneThere(view)
            : "its escrow is not the one that is declared: who can open it may be others than you think",
        ),
      ],
      actions: [
        propose("escrow", spec, {
          id: escrowId(spec),
          host: spec.server,
          stage: "provision",
          change: sha256 === null ? "create" : "update",
          summary: `put the keys of ${spec.name} into escrow, for ${plural(recipients.length, "recovery recipient")}`,
          reason,
          details: [escrowFile(spec), ...recipients],
          needs: [
            packagesId(spec.server),
            layoutId(spec, spec.server),
            keyId(spec),
            // of a key that the artifacts are not encrypted to, it would take the place of the one that opens them
            recipientId(spec),
            signKeyId(spec),
          ],
          assumes: { keys: halvesStand(view) ? keysSha256 : null },
          input: { dataset: spec, keysSha256, recipients: recipients.toSorted() },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { dataset, keysSha256, recipients } = action.input;
    if (keysSha256 === null) throw new RangeError(`${action.id} has no keys to put away`);
    const madeAt = `${tools.now().toISOString().slice(0, 19)}Z`;
    await expectSuccess(tools.host(action.host), escrowScript(dataset, { keysSha256, recipients, madeAt }), {
      code: "escrow-failed",
      what: `the escrow of ${dataset.name} could not be made`,
    });
    return null;
  },
};

/** Whether the public half that goes into the escrow is the key's, or about to be set right. */
const halvesStand = ({ facts: { signKey } }: View): boolean =>
  signKey.kind === "known" &&
  signKey.value.published !== null &&
  signKey.value.published === signKey.value.derived;

/** What the copies of the escrow wait for. */
export const escrowId = (spec: DatasetSpec): ActionId => actionId("escrow", spec.name);

/** The escrow that is to be everywhere; null while it is still to be made, undefined where there is to be none. */
export function escrowToKeep({
  facts: { escrow: there },
  desired: { recoveryRecipients },
}: Pick<View, "facts" | "desired">): Sha256 | null | undefined {
  if (recoveryRecipients.length === 0 || there.kind !== "known") return undefined;
  return whyMake(there.value, recoveryRecipients) === null ? there.value.sha256 : null;
}

/** Null where the escrow that stands there is the one that would be made now. */
function whyMake(
  { keysSha256, sha256, rights, noted }: EscrowFacts,
  recipients: readonly AgeRecipient[],
): string | null {
  if (sha256 === null) return "there is none yet";
  if (noted?.sha256 !== sha256) return "the one there is not the one that was made here";
  if (keysSha256 === null || noted.fingerprint !== escrowFingerprint(keysSha256, recipients))
    return "the one there was made for other keys or other recipients";
  return rights === "440 0" ? null : `its mode and owner are ${rights}, not 440 0`;
}

/** After a loss an older escrow stands elsewhere, and may well be the one that was just opened: no cause for alarm. */
function noneThere({ spec, memory, cloud }: View): string {
  const inBucket =
    cloud?.bucket.kind === "known" &&
    cloud.bucket.value.objects.has(datasetKeys(cloud.spec.prefix, spec.name).escrow);
  const places = [
    ...(memory.kind === "known" && memory.value.escrowSha256 !== null ? ["on this machine"] : []),
    ...(inBucket ? ["in the bucket"] : []),
  ];
  return places.length === 0
    ? "its keys are in no escrow yet: if the server is lost now, nothing opens the artifacts"
    : `there is no escrow of its keys there; an older one stands ${places.join(" and ")}`;
}

/** A test counts for the escrow that stands, and for a year. */
function untested({ spec, takenAt }: View, { sha256, tested }: EscrowFacts): Warning[] {
  const day = tested?.at.toISOString().slice(0, 10);
  const lasts = tested?.sha256 === sha256 ? new Date(tested.at) : null;
  lasts?.setUTCFullYear(lasts.getUTCFullYear() + 1);
  // noted by a clock that was ahead, it would count for too long
  const toCome = tested !== null && tested.at.getTime() > takenAt.getTime() + DAY_MS;
  if (lasts !== null && lasts > takenAt && !toCome) return [];
  const when =
    tested === null
      ? "never been tested"
      : lasts === null
        ? "not been tested since it was made anew"
        : toCome
          ? `been tested on ${day}, a day that is yet to come by the clock here`
          : `not been tested since ${day}`;
  const text = `its escrow has ${when}; prove that you can open it: devbackup keys test --identity FILE`;
  return [warning("escrow-untested", spec, null, text)];
}

/**
 * The plaintext stands in no file and in no argument list. An `age` that is cut off leaves what is there as it is;
 * cut off between the two renames, note and escrow do not fit, and it is made once more.
 */
const escrowScript = (
  dataset: DatasetSpec,
  made: { keysSha256: Sha256; recipients: readonly AgeRecipient[]; madeAt: string },
): string => `${sh`
umask 027
e=${escrowFile(dataset)} n=${escrowNote(dataset)}
`}[ "$(${keysSha256Script(dataset)})" = ${made.keysSha256} ] || { echo "the keys have changed since they were read" >&2; exit 1; }
${sh`part() { echo "file $(basename -- "$1")"; sed 's/^/| /' -- "$1"; }
text=$(
  echo "devbackup-escrow 1"; echo ${`dataset ${dataset.name}`}; echo ${`made ${made.madeAt}`}
  for f in ${escrowedFiles(dataset)}; do part "$f" || exit; done
  echo end
)
printf '%s\n' "$text" | age ${made.recipients.flatMap((each) => ["-r", each])} -o "$e.new"
chown root:root "$e.new"; chmod 440 "$e.new"; sync "$e.new"
echo "$(sha256sum <"$e.new" | cut -c1-64) "${escrowFingerprint(made.keysSha256, made.recipients)} >"$n.new"
sync "$n.new"; mv -T -- "$n.new" "$n"; mv -T -- "$e.new" "$e"; sync "$(dirname -- "$e")"`}`;
