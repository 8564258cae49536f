import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { Label } from "../../domain/label.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import { ruleProblems } from "../../domain/retention.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Action, ActionId, Warning } from "../../plan/plan.ts";
import { actionId, propose, warning } from "../answer.ts";
import { cloudKey } from "../artifact/copies.ts";
import { fetchId } from "../artifact/fetch.ts";
import { behindBucket, uploadId } from "../cloud/cloud.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { packagesId } from "../machine/packages.ts";
import { manifestId, registerId } from "../manifest/register.ts";
import { hydrateId } from "../receive/hydrate.ts";
import { serverLock, workstationLock } from "../receive/receive-script.ts";
import { workingCopyId } from "../receive/working-copy.ts";
import type { Reconciler } from "../reconciler.ts";
import type { View } from "../view.ts";
import { type DeleteArtifacts, deleteArtifact, deleteArtifacts } from "./delete-artifacts.ts";
import { type DeleteSnapshots, deleteSnapshots } from "./delete-snapshots.ts";
import { type Expected, expectedOf, fatesOf } from "./expected.ts";
import { BY, deletion, keptInWords, type Noun, readInWords, ruleInWords, sizeInWords } from "./in-words.ts";
import { type ReadFirst, readFirst, rowsToRead } from "./read-first.ts";
import { isMaking } from "./wanted.ts";

/** Null where something that goes is still to come: then it is not yet time. */
type Input = DeleteSnapshots | DeleteArtifacts | null;

/** What each place lets go by its rule: at most one action for each, and none is carried out unasked. */
export const retention: Reconciler<Input> = {
  kind: "retention",
  diff: (view) => {
    const { spec, desired } = view;
    const warnings = ruleProblems(spec.retention, desired.cloud !== null).map(({ code, text }) =>
      warning(code, spec, null, text(`datasets.${spec.name}.retention`)),
    );
    // an older manifest's newest are not the newest
    if (behindBucket(view).length > 0) return { warnings };
    const expected = expectedOf(view);
    const fates = fatesOf(view, expected);
    const due = PLACES.filter(({ name }) => fates[name].some(({ kept }) => !kept));
    const [closed, open] = [
      due.filter((place) => mayNot(view, place)),
      due.filter((place) => !mayNot(view, place)),
    ];
    return {
      warnings: [...warnings, ...(closed.length > 0 ? [notByThisLogin(view, closed)] : [])],
      actions: open.map((place) => letGoFrom(view, expected, place, fates)),
    };
  },
  run: async ({ id, host, input }, tools) => {
    if (input === null) throw notYet(id);
    return input.kind === "snapshots"
      ? deleteSnapshots(host, input, tools)
      : deleteArtifacts(host, input, tools);
  },
};

/** On a server whose login may only add, what deletes is an administrator's to do. */
const mayNot = ({ desired, spec }: View, { name }: Place): boolean => {
  const restrict = desired.hosts.get(spec.server)?.restrict;
  return (
    (name === "serverSnapshots" || name === "serverArtifacts") &&
    restrict?.level === "add-only" &&
    restrict.admin === null
  );
};

const notByThisLogin = ({ spec }: View, places: readonly Place[]): Warning =>
  warning(
    "retention-restricted",
    spec,
    spec.server,
    `${places.map(({ key }) => key).join(" and ")} let something go, and an add-only login deletes nothing: run devbackup apply --only retention with an administrator's, or declare \`admin\``,
  );

type Fates = ReturnType<typeof fatesOf>;

interface Place {
  readonly name: keyof Fates;
  /** Of the desired state. */
  readonly key: string;
  readonly noun: Noun;
  readonly at: (spec: DatasetSpec) => string;
}

const PLACES: readonly Place[] = [
  {
    name: "workstationSnapshots",
    key: "workstation_snapshots",
    noun: "snapshot",
    at: ({ workstation }) => `on ${workstation}`,
  },
  { name: "serverSnapshots", key: "server_snapshots", noun: "snapshot", at: ({ server }) => `on ${server}` },
  { name: "serverArtifacts", key: "server_artifacts", noun: "artifact", at: ({ server }) => `on ${server}` },
  { name: "cloudArtifacts", key: "cloud_artifacts", noun: "object", at: () => "in the bucket" },
];

function letGoFrom(
  view: View,
  expected: Expected,
  { name, key, noun, at }: Place,
  fates: Fates,
): Action<Input> {
  const { spec, course } = view;
  const all = fates[name];
  const letGo = all.filter(({ kept }) => !kept);
  const rows = new Map(course.rows.map((row) => [row.label, row]));
  const labels = letGo.map(({ label }) => label);
  const bytes = (label: Label): number | null => rows.get(label)?.sizeBytes ?? null;
  const read = rowsToRead(expected, rows, lastOf(expected, name, fates, labels));
  return propose("retention", spec, {
    id: actionId("retention", `${spec.name}/${key.replace("_", "-")}`),
    host: name === "workstationSnapshots" ? spec.workstation : spec.server,
    stage: "retention",
    change: "delete",
    hazard: "destructive",
    ...(spec.retention.auto && { approvedBy: "retention.auto" as const }),
    summary: deletion(noun, at(spec), labels, bytes),
    reason: `${key} is ${ruleInWords(spec.retention[name])}; ${BY[noun]}`,
    details: [
      ...letGo.map(
        ({ label, because }) =>
          `${snapshotName(spec.name, label)}${sizeInWords(noun, bytes(label))}: ${because}`,
      ),
      ...(read.size === 0 ? [] : [readInWords(read)]),
      `kept: ${keptInWords(all)}`,
    ],
    needs: [packagesId(spec.workstation), packagesId(spec.server), ...before(view, expected)],
    assumes: { letGo: labels.join(" ") },
    input: inputOf(view, expected, name, labels, rows, readFirst(spec, read)),
  });
}

/** Of those that a place lets go: which have no snapshot in the other, or lose that, too. */
function lastOf(
  { onWorkstation, onServer }: Expected,
  place: Place["name"],
  { workstationSnapshots, serverSnapshots }: Fates,
  labels: readonly Label[],
): readonly Label[] {
  if (place !== "workstationSnapshots" && place !== "serverSnapshots") return [];
  const [there, fates] =
    place === "workstationSnapshots" ? [onServer, serverSnapshots] : [onWorkstation, workstationSnapshots];
  const goes = new Set(fates.flatMap(({ label, kept }) => (kept ? [] : [label])));
  return labels.filter((label) => there?.has(label) !== true || goes.has(label));
}

/** Everything of this run that makes the newest copies; of one that makes none, nothing has to be waited for. */
function before(view: View, { all }: Expected): ActionId[] {
  if (!isMaking(view)) return [];
  const { spec } = view;
  const newest = all.at(-1)?.label;
  return [
    manifestId(spec),
    ...all.flatMap(({ label }) => [
      registerId(spec, label),
      fetchId(spec, label),
      hydrateId(spec, label),
      uploadId(spec, label),
    ]),
    actionId("upload-manifest", spec.name),
    ...(newest === undefined || !replacesOurCopy(view) ? [] : [workingCopyId(spec, newest)]),
  ];
}

/** Then what it was made from is wanted until it is replaced; a stranger's in its place is nothing to wait for. */
const replacesOurCopy = ({ facts: { workingCopy, hydrated } }: View): boolean =>
  workingCopy.kind === "known" &&
  hydrated.kind === "known" &&
  [...hydrated.value.entries.values()].some((entry) => entry?.uuid === workingCopy.value.parentUuid);

/** Null where one of them is not there yet. */
function inputOf(
  view: View,
  { onWorkstation, onServer, damaged }: Expected,
  place: Place["name"],
  labels: readonly Label[],
  rows: ReadonlyMap<Label, ManifestRow>,
  first: ReadFirst,
): Input {
  const { spec, cloud, facts, course } = view;
  if (isMaking(view) && course.pending.length > 0) return null;
  if (place === "workstationSnapshots" || place === "serverSnapshots") {
    const there =
      place === "workstationSnapshots" ? onWorkstation : new Map([...damaged, ...(onServer ?? [])]);
    const snapshots = labels.flatMap((label) => {
      const uuid = there?.get(label)?.uuid;
      return uuid === undefined ? [] : [{ name: snapshotName(spec.name, label), uuid }];
    });
    if (snapshots.length < labels.length) return null;
    const fromAfar = place === "workstationSnapshots";
    return fromAfar
      ? { kind: "snapshots", folder: spec.snapshots, lock: workstationLock(spec), fromAfar, snapshots, first }
      : {
          kind: "snapshots",
          folder: hydratedFolder(spec.repository),
          lock: serverLock(spec),
          fromAfar,
          snapshots,
          first,
        };
  }
  if (cloud?.bucket.kind !== "known" || facts.store.kind !== "known") return null;
  const { objects } = cloud.bucket.value;
  const { files } = facts.store.value;
  const artifacts = labels.flatMap((label) => {
    const row = rows.get(label);
    if (row === undefined) return [];
    const key = cloudKey(cloud.spec, spec, row);
    const found = place === "serverArtifacts" ? files.get(row.localPath) : objects.get(key)?.sizeBytes;
    return found === undefined ? [] : [deleteArtifact(spec, row, key, found)];
  });
  if (artifacts.length < labels.length) return null;
  return { kind: place === "serverArtifacts" ? "files" : "objects", artifacts };
}

const notYet = (id: ActionId): DevbackupError =>
  new DevbackupError({
    code: "retention-waits",
    exitCode: 1,
    what: `${id} was not begun: something that is due has not been made`,
    state: "Nothing was deleted; it is safe to run again",
    next: "devbackup apply",
  });
