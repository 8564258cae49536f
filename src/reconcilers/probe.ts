import type { Fact } from "../domain/fact.ts";
import type { HostName } from "../domain/names.ts";

/** A read-only fragment of sh, run as root in a subshell of its own, and what its output means. */
export interface Probe<Value> {
  readonly host: HostName;
  readonly script: string;
  /** Called only where the fragment ended with 0; anything else is unknown. */
  readonly parse: (stdout: string) => Fact<Value>;
}
