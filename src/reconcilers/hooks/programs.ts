import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { type Fact, known } from "../../domain/fact.ts";
import type { Warning } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { warning } from "../answer.ts";
import type { Probe } from "../probe.ts";
import type { Reconciler } from "../reconciler.ts";
import type { View } from "../view.ts";
import type { HookName } from "./hook.ts";

type Declared = readonly (readonly [HookName, string])[];

/** What there is to say of hooks' programs, by the name of the hook; nothing of one that is root's alone. */
export type Programs = ReadonlyMap<string, "missing" | "open">;

const onWorkstation = ({ hooks: { beforeSnapshot, afterSnapshot } }: DatasetSpec): Declared => [
  ...(beforeSnapshot === null ? [] : [["before_snapshot", beforeSnapshot[0]] as const]),
  ...(afterSnapshot === null ? [] : [["after_snapshot", afterSnapshot[0]] as const]),
];

const onServer = ({ hooks: { afterApply } }: DatasetSpec): Declared =>
  afterApply === null ? [] : [["after_apply", afterApply[0]]];

/** Both the path as it is gone, and what it leads to. */
const LOOK = `cd /
is_own() {
  p=$1
  while [ -n "$(find "$p" -maxdepth 0 -uid 0 \\( -type l -o ! -perm /022 \\))" ]; do
    [ "$p" != / ] || return 0
    p=\${p%/*}
    p=\${p:-/}
  done
  return 1
}
look() {
  f=$(command -v -- "$2") || f=/dev/null
  case $f in /*) ;; *) return ;; esac
  if [ ! -f "$f" ] || [ ! -x "$f" ]; then echo "$1 missing"; return; fi
  is_own "$f" && is_own "$(readlink -f -- "$f")" || echo "$1 open"
}`;

const programsProbe = (host: DatasetSpec["server"], declared: Declared): Probe<Programs> => ({
  host,
  script:
    declared.length === 0
      ? ":"
      : [LOOK, ...declared.map(([hook, program]) => sh`look ${hook} ${program}`)].join("\n"),
  parse: (stdout) =>
    known(
      new Map(
        [...stdout.matchAll(/^(\S+) (missing|open)$/gm)].map(([, hook = "", what]) => [
          hook,
          what === "open" ? what : "missing",
        ]),
      ),
    ),
});

export const workstationHooksProbe = (spec: DatasetSpec): Probe<Programs> =>
  programsProbe(spec.workstation, onWorkstation(spec));

export const serverHooksProbe = (spec: DatasetSpec): Probe<Programs> =>
  programsProbe(spec.server, onServer(spec));

/** Says what a hook would fail of before anything is run. Whether a program does what it is to do, only its run can tell. */
export const hooks: Reconciler<never> = {
  kind: "hooks",
  diff: ({ spec, facts: { workstationHooks, serverHooks } }: View) => ({
    warnings: [
      ...warningsOf(spec, spec.workstation, workstationHooks, onWorkstation(spec)),
      ...warningsOf(spec, spec.server, serverHooks, onServer(spec)),
    ],
  }),
  run: async ({ id }) => {
    throw new RangeError(`${id} is nothing to run`);
  },
};

function warningsOf(
  spec: DatasetSpec,
  host: DatasetSpec["server"],
  looked: Fact<Programs>,
  declared: Declared,
): Warning[] {
  const is = (hook: HookName, what: "missing" | "open") =>
    looked.kind === "known" && looked.value.get(hook) === what;
  return declared.flatMap(([hook, program]) => [
    ...(is(hook, "missing")
      ? [
          warning(
            "hook-missing",
            spec,
            host,
            `the program of ${hook} is not there: ${program}. ${WITHOUT[hook]}`,
          ),
        ]
      : []),
    ...(is(hook, "open")
      ? [
          warning(
            "hook-open",
            spec,
            host,
            `${hook} runs ${program} as root, and others than root can change it: whoever does is root at the next backup. Move it to a folder of root's, /usr/local/sbin say, and let it be root's`,
          ),
        ]
      : []),
  ]);
}

const WITHOUT: Readonly<Record<HookName, string>> = {
  before_snapshot: "No snapshot is taken before it is",
  after_snapshot: "What before_snapshot stops would stand still",
  after_apply: "Each apply would end with 1",
};
