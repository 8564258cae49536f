import type { DesiredState } from "../../desired-state/desired-state.ts";
import { known, unknown } from "../../domain/fact.ts";
import { sh } from "../../transport/quote.ts";
import { notifyAsked } from "../hooks/notify-asked.ts";
import { type Found, lookScript, readFound } from "../machine/root-alone.ts";
import type { Probe } from "../probe.ts";
import { type Broken, brokenScript, readBroken } from "./broken.ts";

/** What is asked of the host of a schedule alone, because the desired state says it. */
export interface AskedFacts {
  /** The version; null where there is none. */
  readonly systemd: number | null;
  /** What its systemd makes of the calendar; `next` null for never. */
  readonly calendar:
    | { readonly kind: "taken"; readonly next: string | null }
    | { readonly kind: "refused"; readonly why: string };
  /** Of the identity files that restricted logins need, those that are there. */
  readonly identities: ReadonlySet<string>;
  /** Of what its runs start and write to, to tell people. */
  readonly notified: Found;
  readonly broken: Broken;
}

/** Null where no schedule is declared. */
export const askedProbe = ({ schedule, hosts, notify }: DesiredState): Probe<AskedFacts> | null =>
  schedule && {
    host: schedule.on,
    script: `${lookScript(notifyAsked(notify))}${brokenScript}${sh`
v=$(systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p'); printf 'systemd %s\n' "$v"
for f in ${restrictedIdentities(hosts)}; do [ ! -f "$f" ] || printf 'identity %s\n' "$f"; done
if said=$(systemd-analyze calendar -- ${schedule.calendar} 2>&1); then echo taken; else echo refused; fi
printf '%s\n' "$said"`}`,
    parse: parseAsked,
  };

/** Where a login is kept to one key, that key has to be where it logs in from. */
const restrictedIdentities = (hosts: DesiredState["hosts"]): string[] =>
  [...hosts.values()].flatMap(({ restrict, connection }) =>
    restrict !== undefined && connection.kind === "ssh" ? (connection.identityFile ?? []) : [],
  );

const parseAsked: Probe<AskedFacts>["parse"] = (stdout) => {
  const lines = stdout.split("\n");
  const at = lines.findIndex((line) => line === "taken" || line === "refused");
  if (at === -1) return unknown("systemd-analyze gave no answer");
  const [before, said] = [lines.slice(0, at), lines.slice(at + 1)];
  const all = (name: string) =>
    before.flatMap((line) => (line.startsWith(`${name} `) ? [line.slice(name.length + 1)] : []));
  const identities = new Set(all("identity"));
  const notified = readFound(before.join("\n"));
  const broken = readBroken(all);
  const [version = ""] = all("systemd");
  const systemd = version === "" ? null : Number(version);
  if (lines[at] === "refused")
    return known({
      calendar: { kind: "refused", why: said.join("\n").trim().replaceAll("\n", "; ") },
      identities,
      notified,
      broken,
      systemd,
    });
  const [next = null] = said.flatMap((line) => /^ *Next elapse: (.+)$/.exec(line)?.[1] ?? []);
  return known({
    calendar: { kind: "taken", next: next === "never" ? null : next },
    identities,
    notified,
    broken,
    systemd,
  });
};
