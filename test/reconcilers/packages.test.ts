import assert from "node:assert/strict";
import { test } from "node:test";
import { installCommand } from "../../src/reconcilers/machine/packages.ts";
import { systemProbe } from "../../src/reconcilers/machine/system.ts";
import { planOf } from "./world.ts";

const ALL = "2026-01 full 100";

test("each distribution's package manager is called in its own way, without a question", () => {
  assert.equal(
    installCommand("apt", ["zstd", "age"]),
    `export DEBIAN_FRONTEND=noninteractive
dpkg --force-confdef --force-confold --configure -a || :
apt-get -qq update || echo 'apt-get update failed: going on with the lists that are there' >&2
apt-get -qq -y -o DPkg::Lock::Timeout=120 --no-install-recommends install zstd age`,
  );
  assert.equal(installCommand("dnf", ["zstd", "age"]), "dnf -q -y install zstd age");
  assert.equal(installCommand("pacman", ["zstd", "age"]), "pacman -S --needed --noconfirm zstd age");
  assert.equal(
    installCommand("zypper", ["zstd", "age"]),
    "zypper --non-interactive --quiet install --no-recommends zstd age",
  );
});

test("the manager follows from os-release, by ID first and ID_LIKE then; packages have its names", () => {
  const rows: [string, string[], string][] = [
    ["Debian", ["debian"], "install btrfs-progs, zstd, age, openssl, curl, util-linux, openssh-client"],
    [
      "Linux Mint",
      ["linuxmint", "ubuntu", "debian"],
      "install btrfs-progs, zstd, age, openssl, curl, util-linux, openssh-client",
    ],
    ["Fedora", ["fedora"], "install btrfs-progs, zstd, age, openssl, curl, util-linux, openssh"],
    [
      "Rocky Linux",
      ["rocky", "rhel", "centos", "fedora"],
      "install btrfs-progs, zstd, age, openssl, curl, util-linux, openssh",
    ],
    ["Arch", ["arch"], "install btrfs-progs, zstd, age, openssl, curl, util-linux, openssh"],
    [
      "openSUSE Tumbleweed",
      ["opensuse-tumbleweed", "opensuse", "suse"],
      "install btrfsprogs, zstd, age, openssl, curl, util-linux, openssh",
    ],
  ];
  for (const [name, distribution, summary] of rows) {
    const { actions } = planOf({ rows: ALL, target: "2026-01", tools: new Set(), distribution });
    assert.equal(actions.find(({ id }) => id === "packages:ls")?.summary, summary, name);
  }
});

test("the probe's output is read; without a clock it is unknown", () => {
  const { parse } = systemProbe("ls" as never);
  assert.deepEqual(parse("time 1700000000\ndistribution debian \ntool btrfs\ntool age\n"), {
    kind: "known",
    value: { epochSeconds: 1700000000, distribution: ["debian"], tools: new Set(["btrfs", "age"]) },
  });
  assert.equal(parse("").kind, "unknown");
});
