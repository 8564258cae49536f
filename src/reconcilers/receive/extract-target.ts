import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { absent, known } from "../../domain/fact.ts";
import { type AbsolutePath, joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { type Place, parsePlace } from "../machine/place.ts";
import type { Probe } from "../probe.ts";
import type { RestoreTarget } from "../request.ts";
import { isBesideScript, WHICH_FOLDER } from "./extract-script.ts";

/** What stands where a label is to be brought, beside what is there. */
export interface TargetFacts {
  readonly kind: "absent" | "empty" | "other";
  /** Which folder it is, for as long as it is there. */
  readonly inode: string;
  readonly place: Place;
  /** A run that was cut off has left something beside it. */
  readonly leftBeside: boolean;
}

export const targetProbe = (spec: DatasetSpec, target: RestoreTarget | null): Probe<TargetFacts> => ({
  host: target?.host ?? spec.server,
  script:
    target === null
      ? "echo none"
      : `${sh`d=${target.folder}
place "$d"
if [ ! -e "$d" ] && [ ! -L "$d" ]; then echo "absent -"
elif [ -d "$d" ] && [ ! -L "$d" ] && [ -z "$(find "$d" -mindepth 1 -maxdepth 1 -print -quit)" ]; then echo "empty -"
else echo "other $(stat -c ${WHICH_FOLDER} -- "$d")"; fi`}
${isBesideScript(target.folder)}`,
  parse: (stdout) => {
    const place = parsePlace(stdout);
    const [, kind, inode = ""] = /^(absent|empty|other) (\S+)$/m.exec(stdout) ?? [];
    return kind === undefined || place === undefined
      ? absent
      : known({
          kind: kind as TargetFacts["kind"],
          inode,
          place,
          leftBeside: /^beside$/m.test(stdout),
        });
  },
});

/** The last restore beside what is there: so that the next look knows that it is done. */
export const noteFile = ({ repository }: DatasetSpec): AbsolutePath =>
  joinPath(repository, "restore/extracted");

export const extractedProbe = (spec: DatasetSpec): Probe<string> => ({
  host: spec.server,
  script: sh`if [ -e ${noteFile(spec)} ]; then cat -- ${noteFile(spec)}; fi`,
  parse: (stdout) => (stdout === "" ? absent : known(stdout.trimEnd())),
});
