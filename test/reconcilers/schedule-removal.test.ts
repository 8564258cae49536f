import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { OWN_FOLDER } from "../../src/reconcilers/machine/own-folder.ts";
import { unschedule } from "../../src/reconcilers/schedule/unschedule.ts";
import { makeHost, noRoot } from "./schedule-host.ts";

const NAME = "0.1.0-0123456789ab";
const REMOVED = { runs: true, units: [], programs: [NAME], logins: [] };

test("a schedule goes, and what a restricted login has beside it stays", {
  skip: noRoot,
}, async (context) => {
  const { folder, put, carryOut } = makeHost(context);
  for (const file of [`${NAME}/node`, `${NAME}.new/node`, "current.new", "restricted", "allowed.new"])
    put(`${OWN_FOLDER}/${file}`);
  put("/etc/devbackup/schedule/standpoint.json");
  await carryOut(unschedule, REMOVED);
  assert.deepEqual(readdirSync(folder + OWN_FOLDER), ["allowed.new", "restricted"]);
  assert.ok(!existsSync(`${folder}/etc/devbackup`));
});
