import assert from "node:assert/strict";
import type { Changes, DevbackupOptions, Lab } from "../lab/lab.ts";

/** What a refusal has to say, and with which exit code. */
export interface Refusal {
  readonly exitCode: number;
  readonly says: readonly RegExp[];
}

/** Whether the program refuses what it is asked, on the machines of `lab`; `label`: one that is due. */
export function refusing(lab: () => Lab, label: string) {
  /** Runs it and holds it to its refusal; that nothing was changed is seen at the end of each group. */
  const refused = async (
    args: readonly string[],
    refusal: Refusal,
    options?: DevbackupOptions,
  ): Promise<void> => assertRefusal(await lab().devbackup(args, options), refusal);

  /** `apply` of a label that is due, with a desired state that differs by `changes`. */
  const applyRefused = async (
    changes: Changes,
    refusal: Refusal,
    options?: DevbackupOptions,
  ): Promise<void> =>
    refused(
      ["apply", "--yes", "--label", label, "--config", await lab().desiredState(changes)],
      refusal,
      options,
    );
  return { refused, applyRefused };
}

export function assertRefusal(
  { exitCode, stdout, stderr }: Awaited<ReturnType<Lab["devbackup"]>>,
  refusal: Refusal,
): void {
  // the words may be wrapped where the line ends
  const said = `${stdout}${stderr}`;
  const flat = said.replace(/\s+/g, " ");
  assert.equal(exitCode, refusal.exitCode, said);
  for (const pattern of refusal.says)
    assert.ok(pattern.test(said) || pattern.test(flat), `it does not say ${pattern}:\n${said}`);
  assert.doesNotMatch(said, /defect of devbackup|\n {4}at /, said);
}
