import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { everyCommand } from "../../src/cli/commands/program-command.ts";
import { candidatesFor } from "../../src/cli/completion/candidates.ts";
import { SCRIPTS, SHELLS, type Shell } from "../../src/cli/completion/scripts.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { STAGES } from "../../src/plan/plan.ts";

const program = buildProgram("0.0.0");
const DECLARED = { hosts: ["ls", "ws"], datasets: ["dev", "notes"] };

/** What completes a command line; ` ` at its end begins a new word. */
const completed = (line: string): readonly string[] => {
  const found = candidatesFor(program, line.split(" ").slice(1), (what, config) =>
    config === "" ? DECLARED[what] : [`${what} of ${config}`],
  );
  return found.kind === "words" ? found.words.map(({ word }) => word) : [`<${found.kind}>`];
};

describe("what may come next", () => {
  for (const [line, words] of [
    ["devbackup pl", ["plan"]],
    ["devbackup manifest ch", ["chain"]],
    ["devbackup plan --det", ["--detailed-exitcode"]],
    ["devbackup plan --json --js", []],
    ["devbackup apply --approve x --appr", ["--approve"]],
    ["devbackup plan --dataset ", ["dev", "notes"]],
    ["devbackup plan --dataset=n", ["--dataset=notes"]],
    ["devbackup plan --dataset = n", ["notes"]],
    ["devbackup plan --dataset =", ["dev", "notes"]],
    ["devbackup restore latest --host l", ["ls"]],
    ["devbackup plan --config other.yaml --host ", ["hosts of other.yaml"]],
    ["devbackup plan --config=other.yaml --host ", ["hosts of other.yaml"]],
    ["devbackup plan --only sn", ["snapshot"]],
    ["devbackup plan --only snapshot,pro", ["snapshot,provision"]],
    ["devbackup plan --only snapshot,", STAGES.filter((s) => s !== "snapshot").map((s) => `snapshot,${s}`)],
    ["devbackup restore l", ["latest"]],
    ["devbackup completion ", [...SHELLS]],
    ["devbackup apply ", ["<files>"]],
    ["devbackup plan --out ", ["<files>"]],
    ["devbackup init ", ["<folders>"]],
    ["devbackup plan -q", []],
    ["devbackup nonsense ", []],
    ["devbackup validate -- --js", []],
  ] as const)
    test(`${line}|`, () => assert.deepEqual(completed(line), words));

  test("every command, and every flag of each", () => {
    for (const { words, command } of everyCommand(program)) {
      const below = everyCommand(command)
        .slice(1)
        .filter(({ command: { parent } }) => parent === command);
      if (below.length > 0)
        assert.deepEqual(
          completed(`${words} `).filter((word) => word !== "help"),
          below.map(({ command: each }) => each.name()),
        );
      for (const { long } of command.options)
        assert.ok(completed(`${words} --`).includes(long ?? ""), `${words} ${long}`);
    }
  });
});

/** What each shell offers where Tab is pressed behind `line`, one after the other. */
const ASK: Record<Shell, (lines: readonly string[]) => string> = {
  bash: (lines) => `
    source <(devbackup completion bash)
    ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _devbackup; printf '%s ' "\${COMPREPLY[@]}"; echo; }
    ${lines.map((line) => `ask ${line}${line.endsWith(" ") ? "''" : ""}`).join("\n")}`,
  fish: (lines) => `
    devbackup completion fish | source
    ${lines.map((line) => `echo (complete -C '${line}' | string replace -r '\t.*' '')`).join("\n")}`,
  // a shell that somebody types into; what it would show is caught where it is handed over
  zsh: (lines) => `
    zmodload zsh/zpty
    print -r 'autoload -Uz compinit; compinit -u -D; source <(devbackup completion zsh)
      compadd() {
        if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
        typeset -a hits; builtin compadd -A hits "$@"; print -rl -- $hits >>found
        builtin compadd "$@"
      }
      finish() { compstate[insert]= compstate[list]= comppostfuncs=(finish); touch done }
      comppostfuncs=(finish); bindkey "^I" complete-word; touch ready' >rc
    wait_for() { until [[ -e $1 ]]; do zpty -r -t shell typed; sleep 0.02; done; rm $1 }
    zpty shell zsh -f -i
    zpty -w shell 'source ./rc'
    wait_for ready
    for line in ${lines.map((line) => `'${line}'`).join(" ")}; do
      : >found; zpty -w -n shell $'\\C-u'$line$'\\t'; wait_for done; print -r -- \${(fu)"$(<found)"}
    done
    zpty -d shell`,
};

const whyNo = (shell: Shell): string | false =>
  !existsSync(`/usr/bin/${shell}`) && `${shell} is not installed`;

describe("a shell", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync("/tmp/completion-");
    mkdirSync(join(folder, "bin"));
    mkdirSync(join(folder, "desired-state"));
    mkdirSync(join(folder, "some folder"));
    const main = join(import.meta.dirname, "../../src/cli/main.ts");
    const version = 'data:text/javascript,globalThis.DEVBACKUP_VERSION="0"';
    writeFileSync(
      join(folder, "bin/devbackup"),
      `#!/bin/sh\nexec '${process.execPath}' --no-warnings --import '${version}' '${main}' "$@"\n`,
    );
    chmodSync(join(folder, "bin/devbackup"), 0o755);
    writeFileSync(
      join(folder, "desired-state/devbackup.yaml"),
      `version: 1
hosts: {ws: {role: workstation, connection: local}, ls: {role: server, connection: local}}
datasets: {dev: {path: /a, snapshots: /b, owner: root, repository: /c}}
`,
    );
  });
  after(() => rmSync(folder, { recursive: true }));

  const LINES = {
    "devbackup pl": /^plan $/,
    "devbackup manifest re": /^rebuild $/,
    "devbackup plan --detail": /^--detailed-exitcode $/,
    "devbackup plan --host ": /^(?=.*\bws\b).*\bls\b/,
    "devbackup plan --only snapshot,reg": /^snapshot,register $/,
    "devbackup restore latest --to some": /^some(?:\\? )folder\/? $/,
  };

  for (const shell of SHELLS)
    test(`${shell} completes commands, flags, names and paths`, { skip: whyNo(shell) }, () => {
      const env = { ...process.env, HOME: folder, PATH: `${join(folder, "bin")}:${process.env.PATH}` };
      const plainly = { bash: ["--norc", "--noprofile"], zsh: ["-f"], fish: ["--no-config"] }[shell];
      const { stdout, stderr, error } = spawnSync(shell, [...plainly, "-c", ASK[shell](Object.keys(LINES))], {
        cwd: folder,
        env,
        encoding: "utf8",
        timeout: 120_000,
      });
      assert.ifError(error);
      const answers = stdout.split("\n");
      for (const [index, [line, offers]] of Object.entries(LINES).entries())
        assert.match(`${answers[index]?.trim()} `, offers, `${line}|\n${stdout}${stderr}`);
    });

  for (const shell of SHELLS)
    test(`${shell} can read what it is given, whose head says where it goes`, { skip: whyNo(shell) }, () => {
      const lines = SCRIPTS[shell].split("\n");
      assert.match(lines.slice(0, 4).join("\n"), /# .*To install it/);
      writeFileSync(join(folder, "script"), SCRIPTS[shell]);
      execFileSync(shell, ["-n", join(folder, "script")]);
    });
});
