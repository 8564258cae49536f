import type { DesiredState } from "../../desired-state/desired-state.ts";
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

/** The scripts of `host`, as its part in the whole desired state makes them; none where none are declared. */
export function wantedScripts(desired: DesiredState, host: HostName): readonly WantedScript[] {
  const { scripts, datasets, cloud } = desired.partOf ?? desired;
  if (!scripts) return [];
  const worked = datasets.filter(({ workstation }) => workstation === host);
  const kept = datasets.filter(({ server }) => server === host);
  const found: Script[] = [
    ...(worked.length > 0 ? thinOnWorkstation(host, worked, datasets) : []),
    ...(kept.length > 0 ? [...thinOnServer(host, kept, datasets), sender(kept, datasets)] : []),
    ...kept.flatMap((spec) => [...readersOf(spec, datasets), registrarOf(spec, datasets, cloud)]),
  ];
  return found.map(({ name, content }) => ({ path: `${OWN_FOLDER}/${name}`, mode: "755", content }));
}
