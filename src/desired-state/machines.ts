import type { HostName } from "../domain/names.ts";
import type { DesiredState, HostSpec } from "./desired-state.ts";

/** Two entries under `hosts` are one machine where both are local, or both lead to one address. */
export const machineOf = ({ connection }: HostSpec): string =>
  connection.kind === "local" ? "local" : `ssh ${connection.address} ${connection.port ?? ""}`;

export function isOneMachine(
  { hosts }: Pick<DesiredState, "hosts">,
  one: HostName,
  other: HostName,
): boolean {
  const [a, b] = [hosts.get(one), hosts.get(other)];
  return one === other || (a !== undefined && b !== undefined && machineOf(a) === machineOf(b));
}

/** Of what was seen of a machine under each of its names, that under the first; `before`, looked at or not, is before all others. */
export function eachMachine<Facts>(
  looked: ReadonlyMap<HostName, Facts>,
  desired: Pick<DesiredState, "hosts">,
  before: HostName | null = null,
): readonly (readonly [HostName, Facts])[] {
  const names = [...(before === null ? [] : [before]), ...looked.keys()];
  return [...looked].filter(([name]) => names.find((other) => isOneMachine(desired, name, other)) === name);
}
