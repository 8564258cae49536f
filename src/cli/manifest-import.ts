import type { Code } from "../domain/code.ts";
import { type AbsolutePath, parseAbsolutePath } from "../domain/names.ts";
import { DevbackupError, LOOK } from "../domain/trouble.ts";
import { formatBytes } from "../domain/units.ts";
import { RESERVE_BYTES } from "../reconcilers/machine/place.ts";
import { importActions, runImport, type Sorted, sortOut } from "../reconcilers/manifest/import.ts";
import { holds } from "../reconcilers/manifest/store.ts";
import { refuseForged } from "../reconcilers/manifest/trusted.ts";
import type { View } from "../reconcilers/view.ts";
import { importText } from "../report/import-text.ts";
import { planText } from "../report/plan-text.ts";
import { quote } from "../transport/quote.ts";
import { confirm } from "./confirm.ts";
import { type OnServer, type OnServerFlags, onServer, planOf } from "./on-server.ts";

/**
 * `devbackup manifest import DIR`: artifacts out of a folder of the server into the repository, each proven by the
 * manifest's hash. Exit code 6 where one of them is not what the manifest says, whatever becomes of the rest.
 */
export async function manifestImportCommand(dir: string, flags: OnServerFlags): Promise<number> {
  const folder = parseAbsolutePath(dir.replace(/(?<=.)\/+$/, ""));
  if (folder === undefined)
    throw new DevbackupError({
      code: "wrong-flag",
      exitCode: 1,
      what: `${dir} is no absolute path`,
      state: "Nothing was contacted",
      next: "name a folder of the server",
    });
  return onServer(`devbackup manifest import ${quote(dir)}`, flags, async (there) => {
    const view = await there.look(false);
    refuse(view);
    const sorted = await sortOut(view, folder, there.tools);
    return takeIn(view, there, folder, sorted, flags);
  });
}

function refuse(view: View): void {
  const { spec, facts } = view;
  const stop = (code: Code, exitCode: 1 | 6, what: string, next: string): never => {
    throw new DevbackupError({ code, exitCode, host: spec.server, what, state: "Nothing was changed", next });
  };
  if (facts.manifest.kind === "absent")
    stop(
      "manifest-lost",
      6,
      `there is no manifest of ${spec.name}, which alone says what an artifact has to be`,
      `${LOOK} says whether the bucket's can take its place; where that has none, copy the artifacts into REPOSITORY/artifacts/anchors and incr, then: devbackup manifest rebuild`,
    );
  refuseForged(view);
  if (facts.store.kind === "unknown")
    stop("unknown-state", 1, `the artifacts could not be looked at: ${facts.store.why}`, LOOK);
}

async function takeIn(
  view: View,
  there: OnServer,
  folder: AbsolutePath,
  sorted: Sorted,
  flags: OnServerFlags,
): Promise<number> {
  const { terminal, command } = there;
  const actions = importActions(view, sorted);
  const bytes = sorted.take.reduce((sum, { row }) => sum + row.sizeBytes, 0);
  const place = view.facts.serverLayout;
  const freeBytes = place.kind === "known" ? place.value.place.freeBytes : null;
  const exitCode = sorted.left.some(({ damaged }) => damaged) ? 6 : 0;
  const said = (result: string): Promise<void> | undefined =>
    terminal.json
      ? terminal.document({
          formatVersion: 1,
          dataset: view.spec.name,
          folder,
          result,
          take: sorted.take.map(({ file, row }) => ({
            path: file.path,
            label: row.label,
            sizeBytes: row.sizeBytes,
          })),
          leftOut: sorted.left,
        })
      : undefined;
  const plan = planOf(view, actions);
  terminal.answer(importText(sorted, { bytes, freeBytes }, terminal));
  const asks = actions.length > 0 && terminal.interactive && flags.yes !== true;
  (asks ? terminal.answer : terminal.say)(planText(plan, { ...terminal, command }));
  if (actions.length === 0) {
    await said("nothing-to-do");
    return exitCode;
  }
  if (!sorted.sharesBlocks && freeBytes !== null && freeBytes < bytes + RESERVE_BYTES)
    throw new DevbackupError({
      code: "no-space",
      exitCode: 1,
      host: view.spec.server,
      what: `${formatBytes(freeBytes)} free at ${view.spec.repository}, and the artifacts need ${formatBytes(bytes)}, and ${formatBytes(RESERVE_BYTES)} to spare`,
      state: "Nothing was changed",
      next: "free some space there, or give the file system more",
    });
  // as apply does: off a terminal nobody is asked
  if (asks && !(await confirm("Carry this out?"))) {
    terminal.say("Nothing was changed.\n");
    return 0;
  }
  const left = (now: View): Sorted => ({
    ...sorted,
    take: sorted.take.filter(({ row }) => !holds(now.facts.store, row)),
  });
  for (const action of actions)
    await there.carryOut(action, runImport, (now) => ({
      actions: importActions(now, left(now)),
      problems: [],
    }));
  await said("done");
  return exitCode;
}
