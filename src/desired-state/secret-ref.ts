import type { SecretRef } from "./desired-state.ts";
import { expandHome } from "./hosts.ts";
import type { WrittenSecret } from "./written.ts";

/** Where a secret is read from; undefined where that is not whole. */
export function secretRef(written: WrittenSecret | undefined, home: string): SecretRef | undefined {
  if (written?.env !== undefined) return { kind: "env", name: written.env };
  if (written?.file !== undefined) return { kind: "file", path: expandHome(written.file, home) };
  if (written?.command === undefined) return undefined;
  return { kind: "command", argv: written.command.filter((word) => word !== undefined) };
}
