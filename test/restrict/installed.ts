import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DesiredState } from "../../src/desired-state/desired-state.ts";
import type { HostName } from "../../src/domain/names.ts";
import { OWN_FOLDER } from "../../src/reconcilers/machine/own-folder.ts";
import { type Allowed, allowedScripts } from "../../src/restrict/allowed.ts";
import { FILTER } from "../../src/restrict/filter.ts";
import { framed } from "../../src/transport/host.ts";

export interface Installed {
  readonly folder: string;
  readonly allowed: Allowed;
  /** What the filter makes of these bytes on its stdin. */
  readonly feed: (stdin: string | Buffer, args?: readonly string[]) => Outcome;
  /** Of a framed script with something behind it. */
  readonly send: (script: string, stdin?: string) => Outcome;
  readonly remove: () => void;
}

export interface Outcome {
  readonly ran: boolean;
  /** The reason that is given to the client; undefined where it was not refused. */
  readonly refused: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** The filter as it stands on a host, in a folder of its own, run by `shell` as root. */
export async function install(
  desired: DesiredState,
  level: "full" | "add-only",
  shell: readonly string[],
): Promise<Installed> {
  const folder = mkdtempSync(join(tmpdir(), "devbackup-restricted-"));
  const allowed = await allowedScripts(desired, "ls" as HostName, level);
  const file = (name: string, lines: readonly string[]) =>
    writeFileSync(join(folder, name), lines.map((line) => `${line}\n`).join(""));
  file("allowed", allowed.scripts);
  file("allowed-with-address", allowed.withAddress);
  file("allowed-signals", allowed.signals);
  file("address", [`${desired.cloud?.endpoint}/${desired.cloud?.bucket}/`]);
  const filter = join(folder, "restricted");
  writeFileSync(filter, FILTER.replaceAll(OWN_FOLDER, folder), { mode: 0o755 });
  const feed: Installed["feed"] = (input, args = []) => {
    const [program = "sh", ...options] = shell;
    const { status, stdout, stderr } = spawnSync(program, [...options, filter, ...args], {
      input,
      encoding: "utf8",
      timeout: 20_000,
    });
    const refused = /^devbackup-refused (.*)$/m.exec(stderr)?.[1];
    return { ran: /^devbackup-shell \d+$/m.test(stderr), refused, stdout, stderr, exitCode: status };
  };
  return {
    folder,
    allowed,
    feed,
    send: (script, stdin = "") => feed(framed(script) + stdin),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
