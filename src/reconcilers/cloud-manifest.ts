import type { DatasetSpec } from "../desired-state/desired-state.ts";
import { absent, known } from "../domain/fact.ts";
import { type AbsolutePath, type AgeRecipient, joinPath, parseSha256 } from "../domain/names.ts";
import { sh } from "../transport/quote.ts";
import { uploadId } from "./cloud.ts";
import { publishedFile } from "./key-files.ts";
import { actionId, type Probe, propose, type Reconciler, type View } from "./reconciler.ts";
import { manifestId, registerId } from "./register.ts";
import { expectSuccess } from "./run-script.ts";
import { manifestFile, tmpFile } from "./store.ts";

interface Input {
  readonly key: string;
  readonly manifest: AbsolutePath;
  /** Null while rows are still to be written. */
  readonly sha256: string | null;
  readonly recipient: AbsolutePath;
  readonly recoveryRecipients: readonly AgeRecipient[];
  readonly encrypted: AbsolutePath;
  readonly note: AbsolutePath;
}

/** What the server noted when it last put the manifest into the bucket. */
export interface PushedManifest {
  /** Of the manifest, before it was encrypted. */
  readonly manifestSha256: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

const NOTE = /^([0-9a-f]{64}) (\d+) (\S+)\n$/;

const pushedNote = ({ repository }: DatasetSpec): AbsolutePath => joinPath(repository, "manifests/pushed");

export const pushedManifestProbe = (spec: DatasetSpec): Probe<PushedManifest> => ({
  host: spec.server,
  script: sh`if [ -e ${pushedNote(spec)} ]; then cat -- ${pushedNote(spec)}; fi`,
  parse: (stdout) => {
    const [, manifestSha256, size, etag] = NOTE.exec(stdout) ?? [];
    return manifestSha256 === undefined || etag === undefined
      ? absent
      : known({ manifestSha256, etag, sizeBytes: Number(size) });
  },
});

/** The manifest in the bucket, encrypted to the server's key and to every recovery recipient. */
export const cloudManifest: Reconciler<Input> = {
  kind: "upload-manifest",
  diff: (view) => {
    const { spec, cloud, facts, course, desired } = view;
    if (cloud?.bucket.kind !== "known") return {};
    const labels = [...course.rows, ...course.pending].map(({ label }) => label);
    const key = `${cloud.spec.prefix}${spec.name}/manifests/snapshots_v2.tsv.age`;
    const reason = whyPush(view, key);
    if (labels.length === 0 || reason === null) return {};
    const present = cloud.bucket.value.objects.has(key);
    const anothers = present && facts.pushedManifest.kind !== "known";
    return {
      actions: [
        propose("upload-manifest", spec, {
          id: actionId("upload-manifest", spec.name),
          host: spec.server,
          stage: "cloud",
          change: present ? "update" : "create",
          hazard: anothers ? "destructive" : "none",
          summary: `send the manifest of ${spec.name} to the bucket`,
          reason: anothers
            ? "the one there was not sent from this repository, and may be all that tells of older artifacts; it is replaced"
            : reason,
          details: [key],
          // last, so that the bucket's manifest names no object that is not there
          needs: [
            manifestId(spec),
            ...labels.flatMap((label) => [registerId(spec, label), uploadId(spec, label)]),
          ],
          input: {
            key,
            manifest: manifestFile(spec),
            sha256:
              course.pending.length > 0 || facts.manifest.kind !== "known"
                ? null
                : facts.manifest.value.sha256,
            recipient: publishedFile(spec),
            recoveryRecipients: desired.recoveryRecipients,
            encrypted: tmpFile(spec, "snapshots_v2.tsv.age"),
            note: pushedNote(spec),
          },
        }),
      ],
    };
  },
  run: async (action, tools) => {
    const { key, manifest, sha256, recipient, recoveryRecipients, encrypted, note } = action.input;
    if (sha256 === null) throw new RangeError(`${action.id} has nothing to send`);
    const host = tools.host(action.host);
    const failure = { code: "manifest-push-failed", what: `the manifest could not be sent to the bucket` };
    const made = await expectSuccess(
      host,
      sh`
umask 077
[ "$(sha256sum <${manifest} | cut -c1-64)" = ${sha256} ] || { echo "the manifest has changed since it was read" >&2; exit 1; }
age -R ${recipient} ${recoveryRecipients.flatMap((each) => ["-r", each])} -o ${encrypted} ${manifest}
# whatever is cut off from here on, what will be there is ours
[ -e ${note} ] || echo ${`${sha256} 0 -`} >${note}
sha256sum <${encrypted} | cut -c1-64; stat -c %s ${encrypted}`,
      failure,
    );
    const [sum = "", size = ""] = made.stdout.split("\n");
    const encryptedSha = parseSha256(sum);
    if (encryptedSha === undefined) throw new RangeError("sha256sum printed no hash");
    const bucket = await tools.bucket();
    const { etag, sizeBytes } = await bucket.upload(host, {
      file: encrypted,
      key,
      sizeBytes: Number(size),
      sha256: encryptedSha,
      statePath: `${encrypted}.upload`,
      signal: tools.signal,
    });
    const script = sh`cat >${`${note}.new`}; sync ${`${note}.new`}; mv -T ${`${note}.new`} ${note}; rm -f -- ${encrypted}`;
    await expectSuccess(host, script, { ...failure, stdin: `${sha256} ${sizeBytes} ${etag}\n` });
    return null;
  },
};

/** Null where the bucket has what stands on the server. */
function whyPush({ cloud, facts, course }: View, key: string): string | null {
  if (course.pending.length > 0) return "it gets new rows";
  if (cloud?.bucket.kind !== "known" || facts.manifest.kind !== "known") return null;
  const object = cloud.bucket.value.objects.get(key);
  if (object === undefined) return "it is not in the bucket yet";
  const noted = facts.pushedManifest.kind === "known" ? facts.pushedManifest.value : null;
  if (noted?.manifestSha256 !== facts.manifest.value.sha256) return "it has changed since it was last sent";
  return noted.etag === object.etag && noted.sizeBytes === object.sizeBytes
    ? null
    : "what is there is not what was sent";
}
