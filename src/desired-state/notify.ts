import { parseAbsolutePath } from "../domain/names.ts";
import {
  type NotifySpec,
  type NotifyWay,
  OCCASIONS,
  type Occasion,
  type SecretRef,
} from "./desired-state.ts";
import { parseEndpoint } from "./endpoint.ts";
import { argvOf } from "./hooks.ts";
import type { Report } from "./report.ts";
import { secretRef } from "./secret-ref.ts";
import type { WrittenNotify, WrittenSecret } from "./written.ts";

const WAYS = ["command", "ntfy", "slack", "healthchecks", "email", "prometheus"] as const;
type Way = (typeof WAYS)[number];

/** A check that hears of no success counts as failed, and a textfile that is not written is old. */
const ALWAYS: readonly Way[] = ["healthchecks", "prometheus"];
const WHERE_WRONG: readonly Occasion[] = ["warning", "failure"];

/** The entries that are whole, in the order in which they are written. */
export function resolveNotify(
  written: readonly (WrittenNotify | undefined)[] | undefined,
  home: string,
  report: Report,
): readonly NotifySpec[] {
  return (written ?? []).flatMap((entry, index) => {
    if (entry === undefined) return [];
    const at = ["notify", String(index)];
    const named = WAYS.filter((key) => Object.hasOwn(entry, key));
    const [key, second] = named;
    if (key === undefined)
      return report(at, "this entry names no way of telling", `one of ${WAYS.join(", ")}`) ?? [];
    if (second !== undefined)
      return (
        report([...at, second], `this entry names both ${key} and ${second}`, "one way in each entry") ?? []
      );
    if (key === "prometheus" && entry.on !== undefined)
      return (
        report([...at, "on"], "a textfile for Prometheus is always written", "the entry without `on`") ?? []
      );
    const way = wayOf(key, entry, home, (wrong, right) => report([...at, key], wrong, right));
    const on = entry.on ?? (ALWAYS.includes(key) ? OCCASIONS : WHERE_WRONG);
    return way === undefined ? [] : [{ on: on.filter((occasion) => occasion !== undefined), way }];
  });
}

function wayOf(
  kind: Way,
  entry: WrittenNotify,
  home: string,
  refuse: (wrong: string, right: string) => undefined,
): NotifyWay | undefined {
  switch (kind) {
    case "command": {
      const argv = argvOf(entry.command);
      return argv && { kind, argv };
    }
    case "ntfy":
    case "healthchecks": {
      const url = urlOf(entry[kind], home, refuse);
      return url === undefined ? undefined : { kind, url };
    }
    case "slack": {
      const url = secretRef(entry.slack, home);
      return url && { kind, url };
    }
    case "email":
      return entry.email === undefined ? undefined : { kind, to: entry.email };
    case "prometheus": {
      const file = parseAbsolutePath(entry.prometheus ?? "");
      if (file !== undefined && !file.endsWith(".prom"))
        return refuse("node_exporter reads only files whose names end with .prom", `${file}.prom`);
      return file && { kind, file };
    }
  }
}

function urlOf(
  written: string | WrittenSecret | undefined,
  home: string,
  refuse: (wrong: string, right: string) => undefined,
): string | SecretRef | undefined {
  if (typeof written !== "string") return secretRef(written, home);
  const parsed = parseEndpoint(written);
  if (parsed.kind === "endpoint") return parsed.url;
  return refuse(
    `the URL ${parsed.wrong}`,
    "https:// (http:// for loopback and private addresses only), without login and query; one that is a secret as {env: NAME}, {file: PATH} or {command: [argv]}",
  );
}
