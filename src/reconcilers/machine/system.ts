import { type Fact, known, unknown } from "../../domain/fact.ts";
import type { HostName } from "../../domain/names.ts";
import type { Probe } from "../probe.ts";

/** What the system of a host is like. */
export interface SystemFacts {
  readonly epochSeconds: number;
  /** `ID` and `ID_LIKE` of os-release(5), most specific first. */
  readonly distribution: readonly string[];
  readonly tools: ReadonlySet<string>;
}

export type Manager = "apt" | "dnf" | "pacman" | "zypper";

/** The package that brings each tool, where its name is not the same everywhere. */
export const TOOLS: Readonly<Record<string, string | Readonly<Record<Manager, string>>>> = {
  btrfs: { apt: "btrfs-progs", dnf: "btrfs-progs", pacman: "btrfs-progs", zypper: "btrfsprogs" },
  zstd: "zstd",
  age: "age",
  openssl: "openssl",
  curl: "curl",
  flock: "util-linux",
  "ssh-keygen": { apt: "openssh-client", dnf: "openssh", pacman: "openssh", zypper: "openssh" },
  ssh: { apt: "openssh-client", dnf: "openssh-clients", pacman: "openssh", zypper: "openssh-clients" },
};

export const systemProbe = (host: HostName): Probe<SystemFacts> => ({
  host,
  script: `
echo "time $(date +%s)"
( . /etc/os-release; echo "distribution $ID $ID_LIKE" )
for t in ${Object.keys(TOOLS).join(" ")}; do command -v "$t" >/dev/null && echo "tool $t"; done
:`,
  parse: parseSystem,
});

const LATEST_SECONDS = Date.UTC(9999, 11, 31) / 1000;

function parseSystem(stdout: string): Fact<SystemFacts> {
  const time = /^time (\d+)$/m.exec(stdout)?.[1];
  // four digits for the year: no label has more, and no calendar takes all that a host may say
  if (time === undefined || Number(time) > LATEST_SECONDS) return unknown("its clock could not be read");
  const ids = /^distribution (.*)$/m.exec(stdout)?.[1] ?? "";
  const tools = [...stdout.matchAll(/^tool (\S+)$/gm)].map(([, tool = ""]) => tool);
  return known({
    epochSeconds: Number(time),
    distribution: ids.split(" ").filter((id) => id !== ""),
    tools: new Set(tools),
  });
}
