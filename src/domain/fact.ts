/**
 * What a probe found out. `absent` means that it looked and the thing is not there; `unknown` that it could
 * not look. Nothing is ever deleted, replaced or sent whole on the strength of an unknown.
 */
export type Fact<Value> =
  | { readonly kind: "known"; readonly value: Value }
  | { readonly kind: "absent" }
  | { readonly kind: "unknown"; readonly why: string };

export const known = <Value>(value: Value): Fact<Value> => ({ kind: "known", value });
export const absent: Fact<never> = { kind: "absent" };
export const unknown = (why: string): Fact<never> => ({ kind: "unknown", why });
