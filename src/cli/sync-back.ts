import { snapshotName } from "../domain/artifact.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { formatAgo } from "../domain/units.ts";
import { approveCommand, isApproved, parseApproval } from "../plan/approval.ts";
import { pathInside } from "../reconcilers/receive/extract.ts";
import { bring, preview, type Shown, standingOf, syncBackAction } from "../reconcilers/receive/sync-back.ts";
import { type Ends, refuseUnready } from "../reconcilers/receive/sync-back-ready.ts";
import { rsyncOptions, type SyncBack } from "../reconcilers/receive/sync-back-script.ts";
import { labelOfCopy } from "../reconcilers/receive/working-copy.ts";
import type { View } from "../reconcilers/view.ts";
import { type SyncBackReport, syncBackText } from "../report/sync-back-text.ts";
import { command, quote } from "../transport/quote.ts";
import { approve } from "./confirm.ts";
import { type OnServer, type OnServerFlags, onServer, planOf } from "./on-server.ts";

export interface SyncBackFlags extends OnServerFlags {
  readonly delete?: boolean;
  readonly update?: boolean;
  readonly approve?: readonly string[];
}

/**
 * `devbackup sync-back [PATH…]`: what was edited in the server's working copy, back to the workstation, by rsync between the
 * two; first shown, then done on approval. Under the lock: no backup replaces the copy meanwhile.
 */
export async function syncBackCommand(paths: readonly string[], flags: SyncBackFlags): Promise<number> {
  const own = [
    ...paths.map(quote),
    ...(flags.delete ? ["--delete"] : []),
    ...(flags.update ? ["--update"] : []),
  ];
  return onServer(["devbackup sync-back", ...own].join(" "), flags, async (there) => {
    const view = await there.look(false);
    const { session, tools } = there;
    const { spec } = view;
    const back: SyncBack = {
      dataset: spec,
      paths: paths.map((path) => inside(view, path)),
      delete: flags.delete ?? false,
      update: flags.update ?? false,
      leave: [],
    };
    // a restricted login gives nothing out
    const server = await session.host(spec.server);
    const ends: Ends = {
      server: (await server.administrator?.()) ?? server,
      workstation: await session.host(spec.workstation),
    };
    await refuseUnready(view, ends);
    const shown = await preview(back, ends, tools.signal);
    return settle(view, there, ends, shown, flags);
  });
}

function inside({ spec }: View, path: string): string {
  const found = pathInside(spec, path);
  if (found !== undefined) return found;
  throw new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: `${path} names nothing inside ${spec.path}`,
    state: "Nothing was changed",
    next: "name files and folders as they lie in the dataset, or none for all of it",
  });
}

function reportOf(view: View, { back, counts, newer, items, left, trouble }: Shown): SyncBackReport {
  const { spec, facts, course, takenAt } = view;
  const copy = facts.workingCopy.kind === "known" ? facts.workingCopy.value : null;
  const at = copy === null ? null : labelOfCopy(view, copy);
  const newest = course.rows.at(-1);
  return {
    from: `the working copy ${spec.workingCopy} of ${spec.server}${at === null ? "" : `, made of ${snapshotName(spec.name, at)}`}`,
    to: `${spec.path} of ${spec.workstation}`,
    where: `on ${spec.workstation}, as ${spec.owner}`,
    command: `${command(["rsync", ...rsyncOptions(back)])} ${wordsOf(back)} ${quote(`${spec.path}/`)}`,
    counts,
    items,
    newer,
    left,
    trouble,
    newestLabel:
      newest === undefined
        ? null
        : `${snapshotName(spec.name, newest.label)}, of ${formatAgo(takenAt.getTime() - Date.parse(newest.ts))}`,
  };
}

const wordsOf = ({ dataset, paths }: SyncBack): string =>
  (paths.length === 0 ? [""] : paths)
    .map((path) => quote(`${dataset.server}:${dataset.workingCopy}/${paths.length === 0 ? "" : `./${path}`}`))
    .join(" ");

async function settle(
  view: View,
  there: OnServer,
  ends: Ends,
  shown: Shown,
  flags: SyncBackFlags,
): Promise<number> {
  const { terminal } = there;
  const action = syncBackAction(shown);
  const report = reportOf(view, shown);
  const said = (result: string): Promise<void> | undefined =>
    terminal.json
      ? terminal.document({
          formatVersion: 1,
          dataset: view.spec.name,
          result,
          ...report,
          approve: result === "unapproved" ? approveCommand(action.id, there.command) : null,
        })
      : undefined;
  const asks = terminal.interactive && flags.yes !== true;
  (asks ? terminal.answer : terminal.say)(syncBackText(report, terminal));
  const standing = standingOf(shown);
  if (standing !== "to-do") await said(standing);
  if (standing === "incomplete") throw notAll(view, shown.trouble, "Nothing was changed");
  if (standing === "nothing-to-do") {
    const besides = shown.left.length > 0 ? ", apart from what stays as it is" : "";
    const orNewer = shown.back.update ? ", or newer" : "";
    terminal.say(
      `Nothing to do: ${view.spec.workstation} has all that the working copy has${orNewer}${shown.back.delete ? ", and no more" : ""}${besides}.\n`,
    );
    return 0;
  }
  const asked = parseApproval(flags.approve ?? []);
  const approval = await approve(planOf(view, [action]), asked, terminal, flags.yes);
  if (approval === null || !isApproved(action, approval)) {
    await said("unapproved");
    terminal.say(`Nothing was changed. To go on:\n    ${approveCommand(action.id, there.command)}\n`);
    return 0;
  }
  let trouble = "";
  const run = async (): Promise<string> => {
    const { brought, deleted, kept, ...rest } = await bring(shown, ends, new Date(), there.tools.signal);
    trouble = rest.trouble;
    const done = `${brought} brought${shown.back.delete ? `, ${deleted} deleted` : ""}`;
    return kept === null
      ? done
      : `${done}; what stood there is kept as ${kept}; to let go of it: btrfs subvolume delete ${quote(kept)}`;
  };
  // what was edited on either side meanwhile is no failure of it
  await there.carryOut(action, run, () => ({ actions: [], problems: [] }));
  await said("done");
  if (trouble === "") return 0;
  throw notAll(view, trouble, "The rest stands there; it is safe to run again");
}

const notAll = ({ spec }: View, why: string, state: string): DevbackupError =>
  new DevbackupError({
    code: "sync-back-failed",
    exitCode: 1,
    host: spec.workstation,
    what: "some of it could not be brought back",
    why,
    state,
    next: `what is not ${spec.owner}'s to read or to replace is an administrator's to bring`,
  });
