import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { type Lab, type Machine, type Result, withAnyLabel } from "./lab.ts";

/** Puts the program on a machine, and what its user dev needs to log in from there: `~/login`, `~/known`. */
export async function installProgram(lab: Lab, machine: Machine): Promise<void> {
  await lab.must(machine, "mkdir -p /opt/devbackup/node_modules/.bin");
  const root = join(import.meta.dirname, "../..");
  const send = `tar -C "$1" --exclude='*.map' -cf - bin dist package.json | "\${@:3}" tar -C /opt/devbackup -xf -
"\${@:3}" 'cat >/opt/devbackup/node_modules/.bin/node && chmod 755 /opt/devbackup/node_modules/.bin/node' <"$2"`;
  const ssh = ["ssh", "-F", lab.sshConfig, machine];
  await execa("bash", ["-euc", send, "bash", root, process.execPath, ...ssh]);
  const [login, known] = await Promise.all([
    readFile(lab.identity, "utf8"),
    readFile(lab.knownHosts, "utf8"),
  ]);
  await lab.must(machine, "umask 077; cat >~/login", { user: "dev", input: login });
  await lab.must(machine, "cat >~/known", { user: "dev", input: known });
}

/** Runs it there as dev, with a desired state of its own. */
export async function runProgram(
  lab: Lab,
  machine: Machine,
  state: string,
  args: readonly string[],
): Promise<Result> {
  const yaml = await readFile(join(state, "devbackup.yaml"), "utf8");
  await lab.must(machine, "cat >~/devbackup.yaml", { user: "dev", input: yaml });
  const command = `/opt/devbackup/bin/devbackup ${withAnyLabel(args).join(" ")} --config ~/devbackup.yaml`;
  return lab.run(machine, command, { user: "dev" });
}

/** For a host of the desired state: the machine that the program runs on. */
export const HERE = {
  connection: "local",
  address: undefined,
  user: undefined,
  identity_file: undefined,
  known_hosts: undefined,
};
