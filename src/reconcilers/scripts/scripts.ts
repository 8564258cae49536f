import type { DesiredState } from "../../desired-state/desired-state.ts";
import { eachMachine } from "../../desired-state/machines.ts";
import { fileName, type HostName } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { Warning } from "../../plan/plan.ts";
import { sha256Of } from "../../transport/hash.ts";
import { sh } from "../../transport/quote.ts";
import { type Answer, actionId, together, UNKNOWN_STATE } from "../answer.ts";
import { differencesOf } from "../machine/file-differs.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { proposeOn } from "../schedule/common.ts";
import { whoseIs } from "../schedule/whose.ts";
import type { ScriptsFacts } from "./scripts-facts.ts";
import { wantedScripts } from "./wanted.ts";

interface Input {
  readonly put: readonly { readonly path: string; readonly mode: string; readonly content: string }[];
  /** Of ours, and wanted no more. */
  readonly former: readonly string[];
}

/** The scripts by which people have worked before, and go on to: those that are declared stand, and no others of ours. */
export const scripts: Reconciler<Input> = {
  kind: "scripts",
  diff: ({ scripts: looked, desired, spec }) =>
    looked === undefined
      ? {}
      : together(
          eachMachine(looked, desired).map(([host, facts]): Answer<Input> => {
            if (facts.kind === "known") return onHost(host, facts.value, desired);
            return wantedScripts(desired, host).length === 0 ||
              ![spec.server, spec.workstation].includes(host)
              ? {}
              : { warnings: [notLookedAt(host, facts.kind === "unknown" ? facts.why : "no answer")] };
          }),
        ),
  run: async ({ host, input: { put, former } }, tools) => {
    await expectSuccess(tools.host(host), script(put, former), {
      code: "scripts-failed",
      what: `the scripts in ${OWN_FOLDER} could not be brought into line`,
      stdin: put.map(({ content }) => content).join(""),
    });
    return null;
  },
};

function onHost(host: HostName, { files, ours }: ScriptsFacts, desired: DesiredState): Answer<Input> {
  const whole = desired.partOf ?? desired;
  const of = (path: string) => ours.get(path) ?? [];
  const isAnothers = (path: string) => of(path).length > 0 && whoseIs(whole, of(path)) === "another";
  const declared = wantedScripts(desired, host);
  const foreign = declared.filter(({ path }) => files.has(path) && !ours.has(path));
  const anothers = declared.filter(({ path }) => isAnothers(path));
  const inTheWay = new Set([...foreign, ...anothers]);
  const warnings = [
    ...(foreign.length > 0 ? [notOurs(host, foreign)] : []),
    ...(anothers.length > 0 ? [ofAnother(host, anothers, of(anothers[0]?.path ?? ""))] : []),
  ];
  const paths = new Set(declared.map(({ path }) => path));
  const wanted = declared.filter((one) => !inTheWay.has(one));
  const put = wanted.filter((one) => differencesOf([one], files).length > 0);
  const former = [...ours.keys()].filter((path) => !paths.has(path) && !isAnothers(path));
  if (put.length + former.length === 0) return { warnings };
  const missing = put.filter(({ path }) => !files.has(path));
  const why = [
    ...(missing.length === wanted.length && missing.length > 0
      ? ["they are declared, and not there yet"]
      : differencesOf(put, files)),
    ...(former.length > 0
      ? [
          declared.length === 0
            ? "they are there, and `scripts` is not declared"
            : former.map((path) => `${path} is no part of the desired state any more`).join("; "),
        ]
      : []),
  ];
  // a schedule's runs have no administrator's login
  if (desired.hosts.get(host)?.restrict?.admin === null)
    return { warnings: [...warnings, outdated(host, why)] };
  return {
    warnings,
    actions: [
      proposeOn<Input>("scripts", host, {
        id: actionId("scripts", host),
        change: put.length === 0 ? "delete" : missing.length === wanted.length ? "create" : "update",
        summary:
          put.length === 0
            ? `remove ${plural(former.length, "script")} from ${OWN_FOLDER}`
            : `put ${plural(put.length, "script")} into ${OWN_FOLDER}`,
        reason: why.join("; "),
        details: [
          ...put.map(({ path, mode }) => `${path}  root:root 0${mode}`),
          ...former.map((path) => `${path} is removed`),
        ],
        needs: [packagesId(host)],
        input: { put, former },
      }),
    ],
  };
}

const notLookedAt = (host: HostName, why: string): Warning => ({
  code: UNKNOWN_STATE,
  host,
  dataset: null,
  text: `the scripts in ${OWN_FOLDER} could not be looked at: ${why}`,
});

type Some = readonly { readonly path: string }[];
const named = (some: Some): string => some.map(({ path }) => path).join(" ");

/** They hold up no backup: what is in the way is left alone, and told. */
const notOurs = (host: HostName, some: Some): Warning => ({
  code: "script-of-another",
  host,
  dataset: null,
  text: `devbackup did not write ${named(some)}, which stays as it is: move it away, or leave scripts out of the desired state`,
});

const ofAnother = (host: HostName, some: Some, datasets: readonly string[]): Warning => ({
  code: "script-of-another",
  host,
  dataset: null,
  text: `${plural(some.length, "script")} there ${some.length === 1 ? "is" : "are"} another desired state's, of ${datasets.join(", ")}, and stay as they are: a host has one of each name. Put its datasets and these into one desired state, or leave scripts out of one of the two; where there is no other one any more: rm ${named(some)}`,
});

const outdated = (host: HostName, why: readonly string[]): Warning => ({
  code: "scripts-outdated",
  host,
  dataset: null,
  text: `its scripts are not as this devbackup would put them there (${why.join("; ")}): apply once with an administrator's login`,
});

/** All that arrived whole is put there, each in one step; only then do others go. */
function script(put: Input["put"], former: readonly string[]): string {
  const all = sha256Of(put.map(({ content }) => content).join(""));
  const taken = put.map(
    ({ path, content, mode }) => sh`
f=${`./${fileName(path)}`}
rm -f -- "$f.new"; dd bs=${Buffer.byteLength(content)} count=1 iflag=fullblock 2>/dev/null >"$f.new"
chown root:root "$f.new"; chmod ${mode} "$f.new"; sync "$f.new"`,
  );
  const names = put.map(({ path }) => `./${fileName(path)}`);
  const putThere =
    put.length === 0
      ? ""
      : `umask 022; ${sh`mkdir -p ${OWN_FOLDER}; chmod 755 ${OWN_FOLDER}; cd ${OWN_FOLDER}`}${taken.join("")}
${sh`[ "$(cat -- ${names.map((name) => `${name}.new`)} | sha256sum | cut -c1-64)" = ${all} ] || { rm -f -- ${names.map((name) => `${name}.new`)}; echo "it did not arrive whole" >&2; exit 1; }
for f in ${names}; do mv -T -- "$f.new" "$f"; done
sync .
`}`;
  return `${putThere}${sh`
if cd ${OWN_FOLDER} 2>/dev/null; then
  rm -f -- ${["./.devbackup.new", ...former.map((path) => `./${fileName(path)}`)]}
  cd /; rmdir --ignore-fail-on-non-empty ${OWN_FOLDER}
fi`}`;
}
