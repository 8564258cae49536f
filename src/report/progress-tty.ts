import type { Writable } from "node:stream";
import type { ListrTask } from "listr2";
import type { ApplyEvent } from "../apply/events.ts";
import { printable } from "../domain/printable.ts";
import type { Trouble } from "../domain/trouble.ts";
import { formatDuration } from "../domain/units.ts";
import type { Action, ActionId } from "../plan/plan.ts";
import { createTally, skippedText } from "./closing-text.ts";
import { type Paint, painter } from "./lines.ts";
import type { Progress, SizedProgressOptions } from "./progress.ts";
import { createTransfer, type Transfer } from "./transfer.ts";
import { troubleText } from "./trouble-text.ts";

const TICK_MS = 1000;
/** The icon of listr2, its space, and the two columns that it keeps free. */
const MARGIN = 4;

type Ended = Extract<ApplyEvent, { event: "action-done" | "action-skipped" | "action-failed" }>;
type Ending =
  | { readonly kind: "done" | "skipped" | "failed"; readonly title: string }
  /** Its turn never came, and nothing is shown of it. */
  | { readonly kind: "unseen" };

/** One action on the screen. It has a line from its start on, or from when it was passed over. */
interface Row {
  readonly action: Action;
  readonly ended: Promise<Ending>;
  readonly end: (ending: Ending) => void;
  transfer?: Transfer;
  /** Sets the line; there only once listr2 has been loaded. */
  show?: (title: string) => void;
}

/** A list that grows as apply goes on, its running lines redrawn; what is left on the screen is the account. */
export function createTtyProgress(options: SizedProgressOptions): Progress {
  const { out, err, now } = options;
  const paint = painter(options.color);
  const tally = createTally();
  const rows = new Map<ActionId, Row>();
  const troubles: Trouble[] = [];
  let list: Promise<void> = Promise.resolve();
  let tick: NodeJS.Timeout | undefined;
  let finished: Extract<ApplyEvent, { event: "finished" }> | undefined;

  const end = (id: ActionId, kind: "done" | "skipped" | "failed", says: string): void => {
    const row = rows.get(id);
    row?.end({ kind, title: endedTitle(row.action, kind, says, options.width, paint) });
  };
  const redraw = (row: Row): void => {
    if (row.transfer !== undefined) row.show?.(runningTitle(row, row.transfer, paint));
  };

  function emit(event: ApplyEvent): void {
    tally.note(event);
    switch (event.event) {
      case "started":
        for (const action of event.plan.actions) rows.set(action.id, newRow(action));
        if (rows.size === 0) break;
        list = showList([...rows.values()], options, paint);
        // end() is where a failure to draw is told; apply must not die of it in between
        list.catch(() => {});
        tick = setInterval(() => rows.forEach(redraw), TICK_MS);
        break;
      case "action-started": {
        const row = rows.get(event.action.id);
        if (row === undefined) break;
        row.transfer = createTransfer(now);
        redraw(row);
        break;
      }
      case "progress":
        // drawn by the next tick: a screen that changes with every message can't be read
        rows.get(event.id)?.transfer?.progress(event.bytes, event.totalBytes);
        break;
      case "action-done":
        end(event.id, "done", endedWords(event));
        break;
      case "action-skipped":
        // after Ctrl-C all that was still to come is passed over, and the account counts it
        if (event.because === "interrupted" && event.detail === "")
          rows.get(event.id)?.end({ kind: "unseen" });
        else end(event.id, "skipped", endedWords(event));
        break;
      case "action-failed":
        troubles.push(event.trouble);
        end(event.id, "failed", endedWords(event));
        break;
      case "trouble":
        troubles.push(event.trouble);
        break;
      case "finished":
        finished = event;
    }
  }

  return {
    emit,
    async end() {
      clearInterval(tick);
      for (const [id, row] of rows) {
        if (row.transfer !== undefined) end(id, "failed", "interrupted while it ran");
        row.end({ kind: "unseen" });
      }
      try {
        await list;
      } finally {
        for (const trouble of troubles) err.write(`\n${troubleText(trouble, options)}`);
        if (finished !== undefined)
          out.write(`${rows.size === 0 ? "" : "\n"}${tally.closingText(finished, options)}`);
      }
    },
  };
}

function newRow(action: Action): Row {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  return { action, ended: promise, end: resolve };
}

/** Resolves when every row has ended and the last state of the list stands on the screen. */
async function showList(rows: readonly Row[], options: SizedProgressOptions, paint: Paint): Promise<void> {
  const { Listr, ListrLogger, ProcessOutput, ListrDefaultRendererLogLevels: Level } = await import("listr2");
  const rendererOptions = {
    logger: new ListrLogger<string>({
      useIcons: true,
      processOutput: new ProcessOutput(asTerminal(options.out), asTerminal(options.err)),
    }),
    color: {
      [Level.PENDING]: (icon = "") => paint("yellow", icon),
      [Level.COMPLETED]: (icon = "") => paint("green", icon),
      [Level.SKIPPED_WITH_COLLAPSE]: (icon = "") => paint("yellow", icon),
      [Level.FAILED]: (icon = "") => paint("red", icon),
    },
  };
  const list = new Listr<undefined, "default", "default">(
    rows.map((row) => taskOf(row, paint)),
    {
      // every task waits for its own events: what runs beside what is apply's to decide
      concurrent: true,
      exitOnError: false,
      // Ctrl-C is apply's: the running action is finished or undone first
      registerSignalListeners: false,
      // the caller has said that this is a terminal
      renderer: "default",
      rendererOptions,
      fallbackRenderer: "default",
      fallbackRendererOptions: rendererOptions,
    },
  );
  await list.run();
}

/** A task without a title is not drawn: so the list grows, and what runs stands at its end. */
const taskOf = (row: Row, paint: Paint): ListrTask<undefined> => ({
  task: async (_context, task) => {
    row.show = (title) => {
      task.title = title;
    };
    if (row.transfer !== undefined) row.show(runningTitle(row, row.transfer, paint));
    const ending = await row.ended;
    delete row.show;
    if (ending.kind === "unseen") return;
    task.title = ending.title;
    if (ending.kind === "skipped") task.skip(ending.title);
    if (ending.kind === "failed") throw new Error(ending.title);
  },
});

const nameOf = (action: Action, paint: Paint): string =>
  `${paint("bold", printable(action.host))}  ${printable(action.summary)}`;

const runningTitle = ({ action }: Row, transfer: Transfer, paint: Paint): string =>
  `${nameOf(action, paint)}\n${paint("dim", transfer.text())}`;

function endedWords(event: Ended): string {
  if (event.event === "action-skipped")
    // the command that approves it stands at the end, where it is not broken into lines
    return event.because === "unapproved" ? "skipped: not approved" : skippedText(event);
  const duration = formatDuration(event.durationMs);
  if (event.event === "action-failed") return `failed after ${duration}: ${event.trouble.what}`;
  return event.outcome === null ? duration : `${duration} · ${event.outcome}`;
}

function endedTitle(
  action: Action,
  kind: "done" | "skipped" | "failed",
  says: string,
  width: number,
  paint: Paint,
): string {
  const style = { done: "dim", skipped: "yellow", failed: "red" } as const;
  const fits = nameOf(action, painter(false)).length + printable(says).length + MARGIN + 3 <= width;
  return `${nameOf(action, paint)}${fits ? " · " : "\n"}${paint(style[kind], printable(says))}`;
}

/** listr2 asks for the type of process.stdout, but only writes, and reads `columns` and `rows` where there are any. */
const asTerminal = (stream: Writable): NodeJS.WriteStream => stream as NodeJS.WriteStream;
