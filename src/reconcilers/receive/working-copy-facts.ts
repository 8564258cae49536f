import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { absent, known, unknown } from "../../domain/fact.ts";
import { type Label, parseLabel } from "../../domain/label.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { type Place, parsePlace } from "../machine/place.ts";
import type { Probe } from "../probe.ts";
import { parseShown, type ShownSubvolume } from "../snapshot/subvolumes.ts";

/** What stands at the working copy's path on the server. */
export interface WorkingCopyFacts extends ShownSubvolume {
  readonly place: Place;
  readonly kind: "absent" | "empty" | "subvolume" | "other";
  /** What was noted of it when it was made: its UUID and the label that it was brought to. */
  readonly noted: { readonly uuid: string; readonly label: Label } | null;
  /** A replacement that was cut off left the former copy beside it. */
  readonly formerBeside: boolean;
  /** User id of the declared owner on the server; null where there is no such user. */
  readonly ownerId: string | null;
}

/** Where a working copy on another file system than the repository keeps what it is made from. */
export const baseFolder = (workingCopy: AbsolutePath): AbsolutePath =>
  `${workingCopy}.devbackup` as AbsolutePath;

/** Says which copy is ours, also when the snapshot that it was made from has gone and been received again. */
export const noteFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "restore/working_copy");

export const workingCopyProbe = (spec: DatasetSpec): Probe<WorkingCopyFacts> => ({
  host: spec.server,
  script:
    spec.workingCopy === null
      ? "echo none"
      : sh`
d=${spec.workingCopy}
place "$d"
echo "owner $(id -u -- ${spec.owner} 2>/dev/null)"
[ -e ${`${spec.workingCopy}.devbackup-old`} ] && echo former
[ -e ${noteFile(spec)} ] && sed 's/^/noted /' -- ${noteFile(spec)}
kind=$(what_stands "$d")
case $kind in
subvolume) shown "$d" || exit;;
directory) if [ -z "$(find "$d" -mindepth 1 -maxdepth 1 -print -quit)" ]; then kind=empty; else kind=other; fi;;
esac
echo "kind $kind"`,
  parse: (stdout) => {
    if (stdout === "none\n") return absent;
    const field = (word: string) => new RegExp(`^${word} (.+)$`, "m").exec(stdout)?.[1];
    const place = parsePlace(stdout);
    const kind = field("kind") as WorkingCopyFacts["kind"] | undefined;
    if (place === undefined || kind === undefined) return unknown("its file system could not be read");
    const shown = parseShown(stdout);
    // one that was cut off has noted the next copy, and kept the line of the one that stands
    const notes = new Map([...stdout.matchAll(/^noted (\S+) (\S+)$/gm)].map(([, of, at]) => [of, at]));
    const label = parseLabel(notes.get(shown.uuid ?? "") ?? "");
    return known({
      place,
      kind,
      ...shown,
      noted: shown.uuid === null || label === undefined ? null : { uuid: shown.uuid, label },
      formerBeside: /^former$/m.test(stdout),
      ownerId: field("owner") ?? null,
    });
  },
});
