import { type AbsolutePath, fileName, joinPath } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose } from "../answer.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { replacementOf } from "./replacement.ts";
import { asideFolder, looksLikeArtifact, strangers } from "./store.ts";

interface Input {
  readonly from: AbsolutePath;
  readonly folder: AbsolutePath;
}

/** Files among the artifacts that the manifest does not know: moved out of the way, never used, never deleted. */
export const setAside: Reconciler<Input> = {
  kind: "set-aside",
  diff: (view) => {
    const { spec, facts, course } = view;
    const { store, manifest } = facts;
    const readable =
      (manifest.kind === "known" && manifest.value.reading.kind === "valid") ||
      replacementOf(view)?.kind === "ready";
    if (store.kind !== "known" || !(readable || manifest.kind === "absent")) return {};
    const folder = asideFolder(spec);
    // without a manifest that can be read, every artifact would look like a stranger
    const found = strangers(store.value, course.rows).filter(
      (path) => readable || !looksLikeArtifact(spec, path),
    );
    return {
      actions: found.map((path) =>
        propose("set-aside", spec, {
          id: actionId("set-aside", `${spec.name}/${shortName(path, found)}`),
          host: spec.server,
          // before any artifact is made: one of them may be about to get the same name
          stage: "provision",
          change: "update",
          summary: `move ${path} out of the way, into tmp/set-aside`,
          reason: "the manifest has no row for it, and devbackup did not just make it",
          input: { from: joinPath(spec.repository, path), folder },
        }),
      ),
    };
  },
  run: async ({ host, input }, tools) => {
    const { from, folder } = input;
    const script = sh`
f=${from} d=${folder} n=$(basename -- ${from})
mkdir -p "$d"
[ ! -e "$d/$n" ] || n=$n.$(date -u +%Y%m%dT%H%M%SZ)
mv -T -n -- "$f" "$d/$n"; [ ! -e "$f" ]`;
    await expectSuccess(tools.host(host), script, {
      code: "set-aside-failed",
      what: `${from} could not be moved`,
    });
    return null;
  },
};

/** The last part of the path, where that is enough to tell it from the others. */
const shortName = (path: string, all: readonly string[]): string =>
  all.filter((other) => fileName(other) === fileName(path)).length > 1 ? path : fileName(path);
