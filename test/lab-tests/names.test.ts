import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { expectExit } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";

/** Each would run something, end a word, or be an option, where a script took it for more than a name. */
const ODD = 'it\'s $(touch /owned) `touch /owned` "q" \\ * ; & | é 漢 🦊 ~ #';
const PLACES = {
  path: `/home/dev/-rf ${ODD}/--help`,
  snapshots: `/home/-snap ${ODD}`,
  repository: `/srv/-n ${ODD}/--`,
  working_copy: `/srv/--version ${ODD}/-`,
};
const NAME = "0-odd_name";

describe("names that are odd, from the YAML to the disk and back", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let config: string;
  const said: string[] = [];
  before(async () => {
    lab = await startLab({ store: "swift" });
    config = await lab.desiredState({ datasets: { dev: undefined, [NAME]: { ...PLACES, owner: "dev" } } });
  });
  after(() => lab?.stop());

  const run = async (command: string, ...args: readonly string[]): Promise<void> => {
    const agreed = ["--approve", "all", "--yes", "--config", config];
    said.push(await expectExit(lab, 0, [command, ...agreed, ...args]));
  };
  const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const inDataset = (script: string, place: string = PLACES.path): string =>
    `cd ${quoted(place)} && ${script}`;
  /** Of every name in it and what it holds. */
  const content = async (machine: "ws" | "ls", place: string): Promise<string> =>
    lab.must(
      machine,
      inDataset("find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum -z | sha256sum", place),
    );

  test("a month, and another with files of every kind of name", async () => {
    await run("apply", "--label", "2026-01");
    await lab.must(
      "ws",
      inDataset(`
for n in '-rf' '--' ' ' 'a b' '$(touch owned)' '\`touch owned\`' "it's" '"' '\\' '*' '~' '漢🦊' "$(printf 'two\\nlines')" "$(printf 'esc\\033[31m\\033]0;x\\007')" "$(printf 'no-utf8\\377')"; do
  echo "$n" >"./$n"; mkdir -p "./d$n"; echo in >"./d$n/$n"
done`),
    );
    await run("apply", "--label", "2026-02");
    assert.equal(await content("ls", PLACES.working_copy), await content("ws", PLACES.path));
    said.push(
      await expectExit(lab, 0, ["plan", "--label", "2026-02", "--detailed-exitcode", "--config", config]),
    );
  });

  test("a lost workstation comes back, and a single file out of it beside", async () => {
    const whole = await content("ws", PLACES.path);
    await lab.wipe("ws");
    await run("apply", "--restore", "latest");
    assert.equal(await content("ws", PLACES.path), whole);
    const to = `/home/dev/-out ${ODD}`;
    await run("restore", "--to", to, "latest", "--", "-rf", "d$(touch owned)");
    assert.equal(await lab.must("ws", inDataset("cat ./-rf", to)), "-rf\n");
    assert.equal(await lab.must("ws", inDataset("cat 'd$(touch owned)/$(touch owned)'", to)), "in\n");
    await run("apply", "--label", "2026-03");
  });

  test("strangers' files among the artifacts, with names that lie, stop nothing and are not printed raw", async () => {
    await lab.must(
      "ls",
      inDataset(
        "cd artifacts/incr && echo x >\"$(printf 'a\\nfile 1 b\\nb')\" && echo x >\"$(printf '\\033[2Jc')\" && echo x >'-rf $(touch owned)'",
        PLACES.repository,
      ),
    );
    await run("apply", "--label", "2026-03");
    assert.match(
      await lab.must("ls", inDataset("ls tmp/set-aside", PLACES.repository)),
      /-rf \$\(touch owned\)/,
    );
    said.push(
      await expectExit(lab, 0, ["plan", "--label", "2026-03", "--detailed-exitcode", "--config", config]),
    );
  });

  test("nothing in any of these names was run, or obeyed by the terminal", async () => {
    for (const machine of ["ws", "ls"] as const)
      assert.equal(await lab.must(machine, "find / -path /proc -prune -o -name owned -print"), "");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    assert.doesNotMatch(said.join(""), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });
});
