import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { DatasetSpec } from "../../src/desired-state/desired-state.ts";
import type { Fact } from "../../src/domain/fact.ts";
import type { AbsolutePath } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import type { Probe } from "../../src/reconcilers/probe.ts";
import type { Reconciler, Tools } from "../../src/reconcilers/reconciler.ts";
import type { Host } from "../../src/transport/host.ts";
import { desired } from "./world.ts";

/** A repository in a folder of this machine, and scripts that really run there. */
export interface Server {
  readonly spec: DatasetSpec;
  /** Of the repository: its files by their paths in it. */
  path(...inside: string[]): string;
  look<Value>(probe: Probe<Value>): Fact<Value>;
  run<Input>(reconciler: Reconciler<Input>, input: Input, tools?: Partial<Tools>): Promise<string | null>;
}

export interface ServerOptions {
  /** What of that which is sent reaches a script's stdin. */
  readonly arrives?: (stdin: string) => string;
  /** Stands before every script: functions that fail in a command's place. */
  readonly before?: string;
}

/** With everything that the layout would have made; removed after the test. */
export function makeServer(context: TestContext): Server & { with(options: ServerOptions): Server } {
  const repository = mkdtempSync("/tmp/server-") as AbsolutePath;
  context.after(() => rmSync(repository, { recursive: true }));
  for (const folder of ["manifests", "keys", "tmp"])
    mkdirSync(join(repository, folder), { recursive: true, mode: 0o700 });
  const [first] = desired().datasets;
  if (first === undefined) throw new RangeError("no dataset");
  return {
    ...serverAt({ ...first, repository }, {}),
    with: (options) => serverAt({ ...first, repository }, options),
  };
}

function serverAt(spec: DatasetSpec, { arrives = (stdin) => stdin, before = "" }: ServerOptions): Server {
  const shell = (script: string, stdin: string) => {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", `${before}\n${script}`], {
      input: arrives(stdin),
      encoding: "utf8",
    });
    return { exitCode: status ?? -1, stdout, stderr };
  };
  const host: Partial<Host> = {
    name: spec.server,
    run: async (script, { stdin = "" } = {}) => shell(script, String(stdin)),
  };
  return {
    spec,
    path: (...inside) => join(spec.repository, ...inside),
    look: (probe) => {
      const { exitCode, stdout, stderr } = shell(probe.script, "");
      return exitCode === 0 ? probe.parse(stdout) : { kind: "unknown", why: stderr };
    },
    run: (reconciler, input, tools = {}) =>
      reconciler.run(
        { id: "test", host: spec.server, dataset: spec.name, input } as unknown as Action<typeof input>,
        { host: () => host as Host, ...tools } as Tools,
      ),
  };
}
