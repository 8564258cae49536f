import type { DesiredState, HostSpec } from "../desired-state/desired-state.ts";
import { mergedScript } from "../observe/merge.ts";
import { datasetProbes } from "../reconcilers/facts.ts";
import { restrictionProbe } from "../reconcilers/machine/restriction.ts";
import { systemProbe } from "../reconcilers/machine/system.ts";
import { askedProbe } from "../reconcilers/schedule/asked-facts.ts";
import { scheduleProbe } from "../reconcilers/schedule/schedule-facts.ts";
import { scriptsProbe } from "../reconcilers/scripts/scripts-facts.ts";
import { marked } from "../transport/bootstrap.ts";
import { counted } from "../transport/scripted-host.ts";
import { BEHIND_END, patternOf, STAND_IN } from "./pattern.ts";

const FRAGMENT = "hole-fragment-hole";

/** Any of this host's probes, as many as are asked at once, each with a mark behind it. */
export function probesLine(desired: DesiredState, host: HostSpec["name"]): string {
  const datasets = desired.datasets.filter(({ server }) => server === host);
  const asked = askedProbe(desired);
  const fragments = [
    patternOf(systemProbe(host).script, MONTHLY),
    patternOf(restrictionProbe(host).script, MONTHLY),
    patternOf(scheduleProbe(host).script, MONTHLY),
    patternOf(scriptsProbe(host).script, MONTHLY),
    ...(asked?.host === host ? [patternOf(asked.script, MONTHLY)] : []),
    ...datasets.flatMap((spec) =>
      Object.values(datasetProbes(spec, null))
        .filter((probe) => probe.host === host)
        .map(({ script }) => patternOf(script, spec)),
    ),
  ];
  const whole = patternOf(marked(counted(mergedScript([FRAGMENT], STAND_IN.nonce), 0)), MONTHLY);
  const at = whole.lastIndexOf(patternOf("\n( ", MONTHLY), whole.indexOf(FRAGMENT));
  const one = whole
    .slice(at)
    .replaceAll(" 0 ", " [0-9]+ ")
    .replace(FRAGMENT, () => `(${[...new Set(fragments)].join("|")})`);
  return `${BEHIND_END}${whole.slice(0, at)}(${one})*`;
}

/** Of no consequence: no probe names a label. */
const MONTHLY = { cadence: "monthly" } as const;
