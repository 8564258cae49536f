import type { Migration } from "../domain/migrate.ts";
import { printable } from "../domain/printable.ts";
import type { Finding } from "../domain/rebuild.ts";
import { plural } from "../domain/units.ts";
import type { Action } from "../plan/plan.ts";
import {
  MIGRATE,
  matchOnServer,
  migrateAction,
  migration,
  notToMigrate,
  type OlderManifest,
  readMatched,
  readOlder,
  runMigrate,
} from "../reconcilers/manifest/migrate.ts";
import { olderFile } from "../reconcilers/manifest/older.ts";
import type { View } from "../reconcilers/view.ts";
import { migrateJson, migrateText } from "../report/migrate-text.ts";
import { type AnewFlags, document, prepared, refuse, writeAnew } from "./manifest-anew.ts";
import { type OnServer, onServer } from "./on-server.ts";

/**
 * `devbackup manifest migrate`: an older tool's manifest in this version, by what its artifacts say; the old one stays
 * beside it. What would get no row is told, and nothing is written until that is approved. Exit code 6 where something
 * stored is missing, damaged or not what its row says, whatever becomes of the rest.
 */
export async function manifestMigrateCommand(flags: AnewFlags): Promise<number> {
  return onServer(MIGRATE, flags, async (there) => {
    const first = await there.look(true);
    refuse(first, there, notToMigrate(first), false);
    if ((await olderOf(first, there)) === null) return nothingToDo(there, first);
    // what the bucket can't tell is for the person to decide, and keeps nobody from looking
    const view = await prepared(there, flags, "looked-at", (seen, actions) =>
      said(there, seen, "unprepared", null, actions),
    );
    const older = view === null ? null : await olderOf(view, there);
    return view === null || older === null ? 0 : settle(view, there, older, flags);
  });
}

async function olderOf(view: View, { tools }: OnServer): Promise<OlderManifest | null> {
  const file = olderFile(view);
  return file === null ? null : readOlder(view.spec, file, tools);
}

async function nothingToDo(there: OnServer, view: View): Promise<number> {
  const { terminal, planCommand } = there;
  const { manifest } = view.facts;
  const current = manifest.kind === "known" && manifest.value.reading.kind === "valid";
  terminal.answer(
    current
      ? `Nothing to do: the manifest of ${view.spec.name} is of this version.\n`
      : `Nothing to do: there is no manifest of an older tool. What there is: ${planCommand}\n`,
  );
  if (terminal.json) await said(there, view, "nothing-to-do", null, []);
  return 0;
}

/** Reads each row's artifact, shows what came of it, and writes it where what is left out was approved. */
async function settle(view: View, there: OnServer, older: OlderManifest, flags: AnewFlags): Promise<number> {
  const { terminal, tools } = there;
  const matching = matchOnServer(view, older);
  const findings: Finding[] = [];
  for (const matched of matching.matched) {
    const finding = await readMatched(view.spec, matched, tools);
    findings.push(finding);
    const { reading } = finding;
    terminal.say(
      `read ${printable(matched.path)}: ${reading.kind === "whole" ? "whole" : `${reading.kind}: ${printable(reading.why)}`}\n`,
    );
  }
  const migrated = migration(view, matching, findings);
  const exitCode = migrated.leftOut.some(({ damaged }) => damaged) ? 6 : 0;
  terminal.answer(
    `\n${older.file}, of an older tool: ${plural(older.rows.length, "row")}\n\n${migrateText(migrated, terminal)}\n`,
  );
  if (migrated.rows.length === 0 && migrated.leftOut.length > 0) {
    if (terminal.json) await said(there, view, "no-artifacts", migrated, []);
    terminal.answer(
      `Nothing was changed: there is no row to make a manifest of. What the artifacts say without one: devbackup manifest rebuild\n`,
    );
    return 6;
  }
  const action = migrateAction(view, older, migrated);
  if (action === null) return nothingToDo(there, view);
  await writeAnew(view, there, flags, {
    action,
    run: runMigrate,
    again: (now) => migrateAction(now, older, migrated),
    rows: migrated.rows,
    said: (result, actions) => said(there, view, result, migrated, actions),
  });
  return exitCode;
}

const said = (
  there: OnServer,
  view: View,
  result: string,
  migrated: Migration | null,
  actions: readonly Action[],
): Promise<void> => document(there, view, result, migrated === null ? {} : migrateJson(migrated), actions);
