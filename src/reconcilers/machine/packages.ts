import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { HostName } from "../../domain/names.ts";
import { plural } from "../../domain/units.ts";
import type { ActionId, Problem, Warning } from "../../plan/plan.ts";
import {
  type Answer,
  actionId,
  problem,
  propose,
  together,
  UNKNOWN_STATE,
  unknownProblem,
} from "../answer.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { isSetUp, type View } from "../view.ts";
import { type Manager, TOOLS } from "./system.ts";

interface Input {
  readonly packages: readonly string[];
  readonly manager: Manager;
}

const WORKSTATION_TOOLS = ["btrfs", "zstd", "age", "openssl"];
/** Of a machine that a label is only brought to, beside what is there. */
const TARGET_TOOLS = ["btrfs", "zstd", "flock"];
/** Of the host of a schedule, which logs in to the others. */
const SCHEDULE_TOOLS = ["ssh-keygen", "ssh"];
const SERVER_TOOLS = [...WORKSTATION_TOOLS, "curl", "flock", "ssh-keygen"];

const MANAGERS: Readonly<Record<string, Manager>> = {
  debian: "apt",
  ubuntu: "apt",
  fedora: "dnf",
  rhel: "dnf",
  arch: "pacman",
  suse: "zypper",
  opensuse: "zypper",
};

/** The command that installs `packages` without a question. */
export const installCommand = (manager: Manager, packages: readonly string[]): string => {
  const names = packages.join(" ");
  switch (manager) {
    case "apt":
      // apt refuses to work behind an installation that was cut off
      return `export DEBIAN_FRONTEND=noninteractive
dpkg --force-confdef --force-confold --configure -a || :
apt-get -qq update || echo 'apt-get update failed: going on with the lists that are there' >&2
apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install ${names}`;
    case "dnf":
      return `dnf -q -y install ${names}`;
    case "pacman":
      return `pacman -S --needed --noconfirm ${names}`;
    case "zypper":
      return `zypper --non-interactive --quiet install --no-recommends ${names}`;
  }
};

/** Tools that a host must have, each from a package of its distribution. */
export const packages: Reconciler<Input> = {
  kind: "packages",
  diff: (view) => {
    const { workstation, server } = view.spec;
    const to = view.restore?.to?.host ?? server;
    const on = view.schedule?.wanted?.on;
    const needs = (host: HostName, tools: readonly string[]) =>
      diffHost(view, host, host === on ? [...new Set([...tools, ...SCHEDULE_TOOLS])] : tools);
    return together([
      ...(isSetUp(view, workstation) ? [needs(workstation, WORKSTATION_TOOLS)] : []),
      ...(to === server ? [] : [needs(to, TARGET_TOOLS)]),
      needs(server, SERVER_TOOLS),
      ...(on === undefined || on === workstation || on === server ? [] : [needs(on, [])]),
    ]);
  },
  run: async (action, tools) => {
    const { manager, packages: names } = action.input;
    await expectSuccess(tools.host(action.host), installCommand(manager, names), {
      code: "install-failed",
      what: `installing ${names.join(", ")} with ${manager} failed`,
      next: "put right what the package manager says, then: devbackup apply",
      timeoutMs: 30 * 60_000,
    });
    return null;
  },
};

/** What every action that uses tools on `host` waits for. */
export const packagesId = (host: HostName): ActionId => actionId("packages", host);

/**
 * What can't be looked at on a machine that lacks tools (its system is new, its data are not) may show itself once they
 * are there. Until then they are all that is planned.
 */
export function toolsFirst(answer: Required<Answer<unknown>>): Required<Answer<unknown>> {
  const installing = answer.actions.filter(({ kind }) => kind === packages.kind);
  const hosts = new Set<HostName | null>(installing.map(({ host }) => host));
  const isHidden = ({ code, host }: Problem) => code === UNKNOWN_STATE && hosts.has(host);
  const hidden = answer.problems.filter(isHidden);
  if (hidden.length === 0) return answer;
  return {
    actions: installing,
    warnings: [...answer.warnings, ...[...new Set(hidden.map(({ host }) => host))].map(toolsWarning)],
    notes: [],
    problems: answer.problems.filter((found) => !isHidden(found)),
  };
}

const toolsWarning = (host: HostName | null): Warning => ({
  code: "tools-first",
  host,
  dataset: null,
  text: "what is there can't be looked at without the tools that are missing: this installs them, and the same command again does the rest",
});

function diffHost(view: View, host: HostName, tools: readonly string[]): Answer<Input> {
  const system = view.systems.get(host);
  if (system === undefined) throw new RangeError(`${host} was not observed`);
  if (system.kind !== "known") return { problems: [unknownProblem(view.spec, host, "the system", system)] };
  const missing = tools.filter((tool) => !system.value.tools.has(tool));
  if (missing.length === 0) return {};
  const manager = system.value.distribution
    .map((id) => MANAGERS[id.split("-")[0] ?? ""])
    .find((known) => known);
  if (manager === undefined)
    return { problems: [unsupported(view.spec, host, missing, system.value.distribution)] };
  const names = [...new Set(missing.map((tool) => packageOf(tool, manager)))];
  return {
    actions: [
      propose("packages", view.spec, {
        id: packagesId(host),
        host,
        dataset: null,
        stage: "provision",
        change: "create",
        summary: `install ${names.join(", ")}`,
        reason: `${plural(missing.length, "tool")} not found: ${missing.join(", ")}`,
        input: { packages: names, manager },
      }),
    ],
  };
}

const packageOf = (tool: string, manager: Manager): string => {
  const entry = TOOLS[tool] ?? tool;
  return typeof entry === "string" ? entry : entry[manager];
};

const unsupported = (spec: DatasetSpec, host: HostName, missing: readonly string[], ids: readonly string[]) =>
  problem(
    "unknown-distribution",
    spec,
    host,
    `${missing.join(", ")} not found, and ${ids[0] ?? "this system"} has no package manager that devbackup knows`,
    `install ${missing.join(", ")} by hand`,
  );
