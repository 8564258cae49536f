import { open } from "node:fs/promises";
import type { DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import { DevbackupError } from "../domain/trouble.ts";
import type { Action } from "../plan/plan.ts";
import { planFrom } from "../reconcilers/diff-all.ts";
import { escrow } from "../reconcilers/keys/escrow.ts";
import { cloudEscrow, escrowCopy } from "../reconcilers/keys/escrow-copies.ts";
import { readEscrowBytes } from "../reconcilers/keys/escrow-proof.ts";
import type { Request } from "../reconcilers/request.ts";
import { quote } from "../transport/quote.ts";
import { type ApplyFlags, carryOutAsked } from "./apply.ts";
import { typedBy, wholeCommand } from "./command-line.ts";
import { load } from "./load.ts";
import { readRequest } from "./request.ts";
import { openSession } from "./session.ts";
import { openTerminal } from "./terminal.ts";

interface KeysEscrowFlags extends ApplyFlags {
  readonly out?: string;
}

const KINDS = [escrow.kind, escrowCopy.kind, cloudEscrow.kind];

/** `devbackup keys escrow`: an apply of the escrow and its copies alone; with `--out`, one more copy. */
export async function keysEscrowCommand(flags: KeysEscrowFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const loaded = await load(flags, terminal);
  if (loaded === null) return 1;
  const { out, ...others } = flags;
  const asked = readRequest(loaded.desired, others, new Date());
  if (out !== undefined && asked.desired.datasets.length > 1) throw whichDataset(asked.desired);
  const request: Request = { ...asked.request, selection: { ...asked.request.selection, kinds: KINDS } };
  const typed = `devbackup keys escrow${out === undefined ? "" : ` --out ${quote(out)}`}`;
  const what = {
    ...asked,
    request,
    saved: null,
    ...typedBy(typed, others),
    narrowed: true,
    wholeCommand: wholeCommand(others),
  };
  const exitCode = await carryOutAsked(what, others, terminal);
  const [spec] = asked.desired.datasets;
  if (exitCode !== 0 || out === undefined || spec === undefined) return exitCode;
  await writeCopy(out, spec, asked.desired, {
    ...request,
    selection: { host: null, stages: null, kinds: KINDS },
  });
  terminal.say(`Wrote ${out}: a copy of the escrow of ${spec.name}. Only the recovery identity opens it.\n`);
  return 0;
}

async function writeCopy(
  out: string,
  spec: DatasetSpec,
  desired: DesiredState,
  request: Request,
): Promise<void> {
  // what stands in the bucket says nothing of it, and its secret has been read once already
  const atHome = { ...desired, cloud: null };
  const session = openSession(atHome, request, {});
  try {
    const { actions } = planFrom(atHome, await session.look(), request);
    const undone = actions.find(({ kind }) => kind === escrow.kind);
    if (undone !== undefined) throw outdated(out, undone);
    const bytes = await readEscrowBytes(await session.host(spec.server), spec);
    const file = await open(out, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof DevbackupError || !(error instanceof Error)) throw error;
    throw new DevbackupError({
      code: "escrow-unwritten",
      exitCode: 1,
      what: `${out} could not be written`,
      why: error.message,
      state: "The escrow and its other copies are as they should be",
      next: "name a file that is not there yet with --out",
    });
  } finally {
    await session.close();
  }
}

/** Somebody said no, or left it out. */
const outdated = (out: string, { host, dataset, reason }: Action): DevbackupError =>
  new DevbackupError({
    code: "escrow-outdated",
    exitCode: 1,
    host,
    what: `the escrow of ${dataset} is still to be made`,
    why: reason,
    state: `${out} was not written: a copy of what stands there would not do`,
    next: "devbackup keys escrow, and let it be made",
  });

const whichDataset = ({ datasets }: DesiredState): DevbackupError =>
  new DevbackupError({
    code: "wrong-flag",
    exitCode: 1,
    what: "--out takes the escrow of one dataset",
    state: "Nothing was contacted",
    next: `name it with --dataset: ${datasets.map(({ name }) => name).join(", ")}`,
  });
