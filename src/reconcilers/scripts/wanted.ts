import type { DesiredState } from "../../desired-state/desired-state.ts";
import { isOneMachine } from "../../desired-state/machines.ts";
import type { HostName } from "../../domain/names.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import { readersOf, sender } from "./readers.ts";
import { registrarOf } from "./registrar.ts";
import type { Script } from "./script.ts";
import { thinOnServer, thinOnWorkstation } from "./thin.ts";

interface WantedScript {
  readonly path: string;
  /** Octal, as chmod takes it. */
  readonly mode: string;
  readonly content: string;
}

/** The scripts of `host`, as all parts of its machine in the whole desired state make them; none where none are declared. */
export function wantedScripts(desired: DesiredState, host: HostName): readonly WantedScript[] {
  const { scripts, hosts, datasets, cloud } = desired.partOf ?? desired;
  if (!scripts) return [];
  const worked = datasets.filter(({ workstation }) => isOneMachine({ hosts }, host, workstation));
  const kept = datasets.filter(({ server }) => isOneMachine({ hosts }, host, server));
  const found: Script[] = [
    ...(worked[0] ? thinOnWorkstation(worked[0].workstation, worked, datasets) : []),
    ...(kept[0] ? [...thinOnServer(kept[0].server, kept, datasets), sender(kept, datasets)] : []),
    ...kept.flatMap((spec) => [...readersOf(spec, datasets), registrarOf(spec, datasets, cloud)]),
  ];
  return found.map(({ name, content }) => ({ path: `${OWN_FOLDER}/${name}`, mode: "755", content }));
}
