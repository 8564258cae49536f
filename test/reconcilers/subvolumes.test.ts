import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import {
  PROBE_LIBRARY,
  parseShown,
  subvolumeFolderProbe,
} from "../../src/reconcilers/snapshot/subvolumes.ts";
import { DEV } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";

const { parse } = subvolumeFolderProbe("ls" as HostName, "/home/dev/snapshots" as AbsolutePath, DEV, null);

const PLACE = `place btrfs 1234-abcd /@home /home
room 1000 4000
real /home/dev/snapshots
`;
const listed = (id: number, path: string, more = "") =>
  `ID ${id} gen 12 cgen 9 parent 5 top level 5 parent_uuid u-source received_uuid - uuid u-${id} path ${path}${more}\n`;

test("entries are joined with the listing by their path in the file system, whatever is mounted where", () => {
  const fact = parse(
    `${PLACE}entry 256 d dev@2026-01\nentry 256 d dev@2026-02\nentry 300 d dev@2026-03\n${listed(
      7,
      "@home/dev/snapshots/dev@2026-01",
    )}${listed(8, "@home/dev/snapshots/dev@2026-02")}${listed(9, "@other/dev@2026-03")}ro ID 7 gen 12 top level 5 path @home/dev/snapshots/dev@2026-01\n`,
  );
  assert.equal(fact.kind, "known");
  if (fact.kind !== "known") return;
  assert.deepEqual(fact.value.place, {
    fsType: "btrfs",
    fsUuid: "1234-abcd",
    freeBytes: 1000,
    sizeBytes: 4000,
    readOnly: false,
    quota: null,
  });
  assert.deepEqual(fact.value.entries.get("dev@2026-01"), {
    uuid: "u-7",
    parentUuid: "u-source",
    receivedUuid: null,
    readOnly: true,
    generation: 12,
    createdGeneration: 9,
    receiving: false,
  });
  assert.equal(fact.value.entries.get("dev@2026-02")?.readOnly, false);
  assert.equal(fact.value.entries.get("dev@2026-03"), null, "no subvolume of this folder");
});

test("snapshots are found in whichever subvolume their folder lies, and whichever of the file system is mounted", {
  skip: whyNoDisk(),
}, (context) => {
  const { path } = smallDisk(context);
  // as distributions lay it out: /home is the subvolume @home
  shell(
    `cd "$1"; btrfs -q subvolume create @home; btrfs -q subvolume create @home/dev; mkdir -p @home/ann/snaps @home/dev/snaps plain/snaps other
    btrfs -q subvolume create s
    for at in @home/ann @home/dev plain; do btrfs -q subvolume snapshot -r s "$at/snaps/dev@2026-01"; btrfs -q subvolume create "$at/snaps/dev@2026-02"; done
    mount -o subvol=@home "$(findmnt -nro SOURCE "$1")" other`,
    path,
  );
  try {
    for (const folder of ["@home/ann", "@home/dev", "plain", "other/ann", "other/dev"]) {
      const probe = subvolumeFolderProbe(
        "ls" as HostName,
        join(path, folder, "snaps") as AbsolutePath,
        DEV,
        null,
      );
      const fact = probe.parse(shell(`${PROBE_LIBRARY}${probe.script}`));
      assert.ok(fact.kind === "known", folder);
      const found = [...fact.value.entries].map(([name, entry]) => [name, entry?.readOnly]);
      assert.deepEqual(
        found.sort(),
        [
          ["dev@2026-01", true],
          ["dev@2026-02", false],
        ],
        folder,
      );
    }
  } finally {
    shell('umount "$1/other"', path);
  }
});

test("a mount point may have any name", () => {
  const place = String.raw`place btrfs 1234-abcd /d\xc3\xa9p\xc3\xb4t /srv/mes\x20donn\xc3\xa9es`;
  const fact = parse(
    `${place}\nroom 1000 4000\nreal /srv/mes données/s\nentry 256 d dev@2026-01\n${listed(7, "dépôt/s/dev@2026-01")}`,
  );
  assert.equal(fact.kind === "known" ? fact.value.entries.get("dev@2026-01")?.uuid : fact, "u-7");
});

test("a folder that is not there is absent; one without entries needs no btrfs-progs", () => {
  assert.deepEqual(parse("absent\n"), { kind: "absent" });
  assert.equal(parse(`${PLACE}no-btrfs-progs\n`).kind, "known");
});

test("entries that could not be looked into are unknown, not missing", () => {
  assert.equal(parse(`${PLACE}entry 256 d dev@2026-01\nno-btrfs-progs\n`).kind, "unknown");
  assert.equal(parse("entry 256 d dev@2026-01\n").kind, "unknown");
});

test("a forged line makes the whole listing unknown", () => {
  const twice = listed(7, "@home/dev/snapshots/dev@2026-01") + listed(66, "@home/dev/snapshots/dev@2026-01");
  assert.equal(parse(`${PLACE}entry 256 d dev@2026-01\n${twice}`).kind, "unknown");
});

/** As btrfs-progs prints it. */
const SHOWN = `@home/dev/code
	Name: 			code
	UUID: 			4c4e1c5e-0000-4000-8000-000000000001
	Parent UUID: 		PARENT
	Received UUID: 		4c4e1c5e-0000-4000-8000-000000000003
	Creation time: 		2026-03-01 03:00:00 +0000
	Subvolume ID: 		259
	Generation: 		12
	Gen at creation: 	CREATED
	Flags: 			-
`;
for (const { name, parent, created, tells } of [
  {
    name: "one that was made by hand, and written to",
    parent: "-",
    created: "9",
    tells: { parentUuid: null, written: true },
  },
  {
    name: "a copy of a snapshot, as it was made",
    parent: "4c4e1c5e-0000-4000-8000-000000000002",
    created: "12",
    tells: { parentUuid: "4c4e1c5e-0000-4000-8000-000000000002", written: false },
  },
])
  test(`what btrfs shows of a subvolume: ${name}`, () => {
    const input = SHOWN.replace("PARENT", parent).replace("CREATED", created);
    const script = `${PROBE_LIBRARY}\nbtrfs() { cat; }; shown /home/dev/code`;
    const { stdout } = spawnSync("sh", ["-c", script], { input, encoding: "utf8" });
    assert.deepEqual(parseShown(stdout), { uuid: "4c4e1c5e-0000-4000-8000-000000000001", ...tells });
  });

test("of what is no subvolume, nothing is shown", () => {
  assert.deepEqual(parseShown("kind other\n"), { uuid: null, parentUuid: null, written: false });
});
