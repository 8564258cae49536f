import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { stringify } from "yaml";
import { makeDebianPackage } from "../../scripts/package/debian.ts";
import { makeExecutable } from "../../scripts/package/executable.ts";
import { makeNpmPackage } from "../../scripts/package/npm-package.ts";
import { type Arch, VERSION } from "../../scripts/package/sources.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { changeTree, fingerprint, installTreeTools, plantTree } from "../lab/tree.ts";

const ROOT = join(import.meta.dirname, "../..");
const arch = process.arch as Arch;
const SOURCE = "/home/dev/code";
/** On the host of a schedule. */
const CURRENT = "/usr/local/lib/devbackup/current";

describe("each form of devbackup, on a fresh machine without Node", { skip: whyNoLab() }, () => {
  let lab: Lab;
  let made: string;
  /** What the dataset was like when it was last backed up. */
  let was: string;

  before(async () => {
    lab = await startLab();
    made = join(lab.dir, "made");
    mkdirSync(join(made, "npm"), { recursive: true });
    const packed = makeNpmPackage(join(made, "npm"), join(made, "npm-work"));
    const executable = join(made, "devbackup-alone");
    await makeExecutable(arch, executable, join(made, "executable-work"));
    makeDebianPackage({
      executable,
      arch,
      licences: readFileSync(join(packed, "dist/licences.txt"), "utf8"),
      manPage: readFileSync(join(packed, "dist/devbackup.1"), "utf8"),
      to: join(made, "devbackup.deb"),
      work: join(made, "debian-work"),
      // a release's takes half a minute
      compression: ["-Zgzip", "-z1"],
    });
    await writeFile(join(made, "devbackup.yaml"), stringify(desired(lab)));
    await equip();
    await lab.must("ws", `btrfs -q subvolume create ${SOURCE}; chown dev: ${SOURCE}`);
    await plantTree(lab, ["ws", SOURCE]);
  });
  after(() => lab?.stop());

  const put = (path: string, to: string) => execa("scp", ["-qr", "-F", lab.sshConfig, path, `root@ws:${to}`]);

  /** What a user has on the workstation: a login on the server, and the desired state. */
  async function equip(): Promise<void> {
    await Promise.all([
      installTreeTools(lab, "ws"),
      lab.must("ws", "install -d -o dev -g dev -m 700 /home/dev/.ssh"),
    ]);
    await put(lab.identity, "/home/dev/.ssh/id_ed25519");
    await put(lab.knownHosts, "/home/dev/.ssh/known_hosts");
    await put(join(made, "devbackup.yaml"), "/home/dev/devbackup.yaml");
    await lab.must("ws", "chown -R dev: /home/dev/.ssh /home/dev/devbackup.yaml; ! command -v node");
  }

  /** As dev at the workstation. */
  async function type(program: string, args: string): Promise<string> {
    const { accessKeyId, secretAccessKey } = lab.bucket;
    const script = `export R2_ACCESS_KEY_ID=${accessKeyId} R2_SECRET_ACCESS_KEY=${secretAccessKey}; cd
      ${program} ${args} --config devbackup.yaml 2>&1`;
    const { exitCode, stdout } = await lab.run("ws", script, { user: "dev" });
    lab.heard(stdout);
    assert.equal(exitCode, 0, `${program} ${args}\n${stdout}`);
    return stdout;
  }
  const version = async (program: string) =>
    assert.equal(await lab.must("ws", `${program} --version`, { user: "dev" }), `${VERSION}\n`);

  test("the Debian package: a first backup, and a schedule that runs the executable on the server", async () => {
    await put(join(made, "devbackup.deb"), "/root/devbackup.deb");
    await lab.must("ws", "apt-get -qq update && apt-get -qq -y install /root/devbackup.deb >/dev/null 2>&1");
    await version("/usr/bin/devbackup");
    assert.match(await type("devbackup", "validate"), /valid, with 1 dataset on 2 hosts/);
    assert.match(await type("devbackup", "plan"), /install devbackup/);
    assert.match(await type("devbackup", "apply --yes"), /nothing left to do/);
    was = await fingerprint(lab, ["ws", SOURCE]);

    assert.equal(
      await lab.must("ls", `${CURRENT}/devbackup --version; ls ${CURRENT}/`),
      `${VERSION}\ndevbackup\n`,
    );
    await lab.must("ls", "systemctl start --wait devbackup && ! command -v node");
  });

  test("purged, the Debian package leaves nothing behind", async () => {
    // what apply has put there, and what was brought along, are not the package's
    const left =
      "find / -xdev -ipath '*devbackup*' -not -path '/home/*' -not -path '/root/*' -not -path '/etc/devbackup*'";
    assert.match(await lab.must("ws", left), /^\/usr\/bin\/devbackup$/m);
    await lab.must("ws", "apt-get -qq -y purge devbackup >/dev/null 2>&1");
    assert.equal(await lab.must("ws", left), "");
  });

  test("the npm package, with nothing but the Node that comes along: the next backup", async () => {
    const prefix = join(made, "prefix");
    const archive = join(made, "npm", `devbackup-${VERSION}.tgz`);
    const args = ["install", "--global", "--prefix", prefix, "--offline", "--omit=dev", archive];
    const { status, stderr } = spawnSync("npm", args, { cwd: made, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const modules = join(prefix, "lib/node_modules/devbackup/node_modules");
    // as if it had come from the registry, wherever this machine's npm has it from
    rmSync(modules, { recursive: true, force: true });
    mkdirSync(modules);
    symlinkSync(join(ROOT, `node_modules/node-linux-${arch}`), join(modules, `node-linux-${arch}`));
    await execa("sh", ["-c", `tar -chf ${made}/prefix.tar -C ${prefix} lib`]);
    await put(`${made}/prefix.tar`, "/root/prefix.tar");
    await lab.must(
      "ws",
      `tar -xof /root/prefix.tar -C /usr/local --no-same-permissions
       ln -s ../lib/node_modules/devbackup/bin/devbackup /usr/local/bin/devbackup; ! command -v node`,
    );
    await version("/usr/local/bin/devbackup");
    await changeTree(lab, ["ws", SOURCE]);
    assert.match(await type("devbackup", "validate"), /valid/);
    assert.match(await type("devbackup", "plan --label 2090-01"), /send dev@2090-01/);
    await type(
      "devbackup",
      "apply --yes --label 2090-01 --approve snapshot --only snapshot,artifact,register,hydrate",
    );
    was = await fingerprint(lab, ["ws", SOURCE]);
  });

  test("the executable alone brings a workstation back that has nothing", async () => {
    await lab.wipe("ws");
    await equip();
    await put(join(made, "devbackup-alone"), "/home/dev/devbackup");
    await version("./devbackup");
    assert.match(await type("./devbackup", "plan --restore latest"), /receive|restore/);
    await type("./devbackup", "apply --yes --restore latest");
    assert.equal(await fingerprint(lab, ["ws", SOURCE]), was);
  });
});

/** As seen from the workstation. */
const desired = ({ addresses, bucket }: Lab) => ({
  version: 1,
  hosts: {
    ws: { role: "workstation", connection: "local" },
    ls: { role: "server", connection: "ssh", address: addresses.ls, user: "dev" },
  },
  datasets: {
    dev: {
      path: SOURCE,
      snapshots: "/home/dev/snapshots",
      owner: "dev",
      repository: "/srv/btrfs-backups/dev",
      working_copy: "/srv/work/dev",
    },
  },
  cloud: {
    endpoint: bucket.endpoint,
    bucket: bucket.bucket,
    region: bucket.region,
    access_key_id: { env: "R2_ACCESS_KEY_ID" },
    secret_access_key: { env: "R2_SECRET_ACCESS_KEY" },
  },
  schedule: {
    on: "ls",
    calendar: "*-*-01 03:00:00",
    reach: { ws: { address: addresses.ws, user: "dev" } },
  },
});
