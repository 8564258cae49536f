import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { datasetKeys } from "../../domain/artifact.ts";
import type { AbsolutePath, DatasetName, Sha256 } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { ActionId } from "../../plan/plan.ts";
import { sha256Of } from "../../transport/hash.ts";
import { actionId, propose } from "../answer.ts";
import { push } from "../cloud/push.ts";
import { replacing, unreadNote, whyPush } from "../cloud/pushed.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import type { Failure } from "../run-script.ts";
import { escrowId, escrowToKeep } from "./escrow.ts";
import { escrowFile, escrowPushedNote } from "./escrow-files.ts";
import { readBytes } from "./escrow-proof.ts";

interface Copy {
  readonly dataset: DatasetName;
  readonly from: AbsolutePath;
  /** Null while it is still to be made. */
  readonly sha256: Sha256 | null;
}

/** The controller's copy: the one that nobody else can write to. */
export const escrowCopy: Reconciler<Copy> = {
  kind: "escrow-copy",
  diff: (view) => {
    const { spec, memory } = view;
    const sha256 = escrowToKeep(view);
    if (sha256 === undefined || memory.kind !== "known") return {};
    const { escrowSha256: here, folder } = memory.value;
    if (sha256 !== null && here === sha256) return {};
    return {
      actions: [
        propose("escrow-copy", spec, {
          id: escrowCopyId(spec),
          host: spec.server,
          stage: "provision",
          change: here === null ? "create" : "update",
          summary: `keep a copy of the escrow of ${spec.name} on this machine`,
          reason: here === null ? "there is none here yet" : "the one here is another",
          details: [`${folder}/escrow.age`],
          needs: [escrowId(spec)],
          assumes: { escrow: sha256 },
          input: { dataset: spec.name, from: escrowFile(spec), sha256 },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { dataset, from, sha256 } = action.input;
    if (sha256 === null) throw new RangeError(`${action.id} has nothing to copy`);
    const bytes = await readBytes(tools.host(action.host), from);
    const got = sha256Of(bytes);
    if (got !== sha256)
      throw new DevbackupError({
        code: "escrow-changed",
        exitCode: 1,
        host: action.host,
        what: `${from} is not what it was a moment ago`,
        why: `sha256 ${got}, expected ${sha256}`,
        state: "The copy on this machine is as it was; it is safe to run again",
        next: "devbackup apply",
      });
    await tools.keepEscrow(dataset, bytes);
    return null;
  },
};

const escrowCopyId = (spec: DatasetSpec): ActionId => actionId("escrow-copy", spec.name);

interface Upload {
  readonly from: AbsolutePath;
  readonly key: string;
  readonly note: AbsolutePath;
  readonly sha256: Sha256 | null;
}

/** The bucket's copy: the one that a fire at home does not reach. */
export const cloudEscrow: Reconciler<Upload> = {
  kind: "upload-escrow",
  diff: (view) => {
    const { spec, cloud, facts } = view;
    const sha256 = escrowToKeep(view);
    if (sha256 === undefined || cloud?.bucket.kind !== "known") return {};
    const unread = unreadNote(spec, "the escrow", [facts.pushedEscrow]);
    if (unread.length > 0) return { warnings: unread };
    const key = datasetKeys(cloud.spec.prefix, spec.name).escrow;
    const object = cloud.bucket.value.objects.get(key);
    const noted = facts.pushedEscrow.kind === "known" ? facts.pushedEscrow.value : null;
    const reason = sha256 === null ? "it is made anew" : whyPush(sha256, noted, object);
    if (reason === null) return {};
    const anothers = object !== undefined && noted === null;
    return {
      actions: [
        propose("upload-escrow", spec, {
          id: actionId("upload-escrow", spec.name),
          host: spec.server,
          stage: "cloud",
          change: object === undefined ? "create" : "update",
          ...replacing(anothers),
          summary: `send the escrow of ${spec.name} to the bucket`,
          reason: anothers
            ? "the one there was not sent from this repository, and may be all that opens older artifacts; it is replaced"
            : reason,
          details: [key],
          needs: [packagesId(spec.server), escrowId(spec)],
          assumes: { escrow: sha256 },
          input: { from: escrowFile(spec), key, note: escrowPushedNote(spec), sha256 },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { from, key, note, sha256 } = action.input;
    if (sha256 === null) throw new RangeError(`${action.id} has nothing to send`);
    const failure: Failure = {
      code: "escrow-push-failed",
      what: "the escrow could not be sent to the bucket",
    };
    await push({ host: tools.host(action.host), file: from, key, note, sha256, failure }, tools);
    return null;
  },
};
