import { AGAIN, DevbackupError, type ExitCode } from "../domain/trouble.ts";
import type { Witness } from "../notify/ending.ts";
import { rowsOf } from "../reconcilers/manifest/trusted.ts";
import type { View } from "../reconcilers/view.ts";
import { commandLine } from "./command-line.ts";
import { load } from "./load.ts";
import { type OnServer, type OnServerFlags, onServerOf } from "./on-server.ts";
import { showError } from "./show-error.ts";
import { telling } from "./telling.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

interface Asked {
  readonly what: "verify" | "drill";
  /** The command and its own words. */
  readonly typed: string;
  readonly flags: OnServerFlags;
}

/** What weighs most is the least. */
const WEIGHT = { 130: 0, 6: 1, 5: 2, 4: 3, 3: 4, 1: 5 } as const satisfies Record<ExitCode, number>;
const BY_WEIGHT = Object.entries(WEIGHT)
  .sort(([, one], [, other]) => one - other)
  .map(([code]) => Number(code));

/** A code that is not known is no success. */
export const worstOf = (codes: readonly number[]): number =>
  BY_WEIGHT.find((code) => codes.includes(code)) ?? (codes.every((code) => code === 0) ? 0 : 1);

/**
 * Has `work` done for each dataset that is meant, one after the other under its lock, and `ended` when all had their
 * turn, which prints the document of `--json`; what is wrong with one says nothing of the next. What was thrown is thrown on,
 * where there are several and a document it stands in that, and on stderr. Those whom `notify` declares are told. The worst
 * exit code.
 */
export async function onEachServer(
  { what, typed, flags }: Asked,
  work: (there: OnServer, witness: Witness) => Promise<number>,
  ended?: (terminal: Terminal, errors: readonly DevbackupError[]) => Promise<void>,
): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { dataset: chosen } = flags;
  const names = chosen === undefined ? loaded.desired.datasets.map(({ name }) => name) : [chosen];
  const told = { what, command: commandLine(typed, flags), typed, whole: false };
  return telling(loaded, told, { flags, terminal }, async (witness) => {
    const codes: number[] = [];
    const errors: DevbackupError[] = [];
    for (const dataset of names) {
      const own = names.length === 1 ? flags : { ...flags, dataset };
      try {
        const refuse = (view: View) => refuseNothing(view, own);
        codes.push(await onServerOf(loaded.desired, typed, own, (there) => work(there, witness), refuse));
      } catch (error) {
        if (!(error instanceof DevbackupError) || error.trouble.exitCode === 130) throw error;
        errors.push(error);
      }
    }
    const all = [...codes, ...errors.map(({ trouble }) => trouble.exitCode)];
    const worst = worstOf(all);
    if (terminal.json && ended !== undefined && (names.length > 1 || errors.length === 0)) {
      for (const error of errors) {
        witness.say(
          `${error.trouble.what}${error.trouble.why === undefined ? "" : `: ${error.trouble.why}`}`,
        );
        await showError(error, { ...flags, json: false }, typed);
      }
      await ended(terminal, errors);
      return worst;
    }
    const thrown = errors.findLast(({ trouble }) => trouble.exitCode === worst);
    for (const error of errors) if (error !== thrown) await showError(error, flags);
    if (thrown !== undefined) throw thrown;
    return worst;
  });
}

/** Told before the lock is taken, which makes folders on a machine where nothing is yet. */
function refuseNothing({ spec, facts }: View, { config }: OnServerFlags): void {
  if (rowsOf(spec, facts.manifest).length > 0) return;
  throw new DevbackupError({
    code: "nothing-backed-up",
    exitCode: 1,
    host: spec.server,
    what: `nothing of ${spec.name} is backed up yet`,
    state: "Nothing was changed",
    next: commandLine(AGAIN, { ...(config !== undefined && { config }), dataset: spec.name }),
  });
}
