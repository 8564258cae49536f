import { PROBE_LIBRARY } from "../reconcilers/snapshot/subvolumes.ts";
import type { RunResult } from "../transport/host.ts";

/** What one fragment of a merged script gave. */
export interface ProbeAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * One script out of many fragments, each in a subshell of its own so that `exit` ends it alone, with a mark
 * after each on both outputs. `nonce` keeps what a fragment prints (a file's name, say) from being a mark.
 */
export const mergedScript = (fragments: readonly string[], nonce: string): string =>
  [
    PROBE_LIBRARY,
    ...fragments.map(
      (fragment, index) =>
        `( ${fragment}\n) </dev/null\nprintf '${nonce} %s %s\\n' ${index} "$?"; printf '${nonce} %s\\n' ${index} >&2`,
    ),
  ].join("\n");

/** The fragments' answers in their order; one that was not reached is missing. */
export function readAnswers({ stdout, stderr }: RunResult, nonce: string): (ProbeAnswer | undefined)[] {
  // no merged script has a million fragments: a number beyond is no mark
  const errors = cut(stderr, new RegExp(`${nonce} (\\d{1,6})\\n`, "g"));
  const answers: ProbeAnswer[] = [];
  for (const [index, piece] of cut(stdout, new RegExp(`${nonce} (\\d{1,6}) (\\d+)\\n`, "g")))
    answers[index] = {
      stdout: piece.text,
      exitCode: Number(piece.rest),
      stderr: errors.get(index)?.text ?? "",
    };
  return answers;
}

function cut(text: string, mark: RegExp): Map<number, { text: string; rest: string }> {
  const pieces = new Map<number, { text: string; rest: string }>();
  let from = 0;
  for (const match of text.matchAll(mark)) {
    pieces.set(Number(match[1]), { text: text.slice(from, match.index), rest: match[2] ?? "" });
    from = match.index + match[0].length;
  }
  return pieces;
}
