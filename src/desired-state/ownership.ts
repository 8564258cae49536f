import { statSync } from "node:fs";
import { DevbackupError } from "../domain/trouble.ts";

/** Whoever runs this. */
export interface Reader {
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Who else could have written what stands at `path`: what it says is done with the rights of whoever runs this. Root
 * counts as ourselves, and so does the user for whom sudo runs this. Undefined where nobody else could, or nothing is
 * there.
 */
export function whoElseWrote(path: string, { uid, env }: Reader): string | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (everybodyMay(stats.mode)) return "everybody may write to it";
  const ours = [0, uid, ...(uid === 0 && env.SUDO_UID ? [Number(env.SUDO_UID)] : [])];
  return ours.includes(stats.uid) ? undefined : `it belongs to user ${stats.uid}`;
}

/** In a folder with the sticky bit, such as /tmp, nobody replaces what is another's. */
const everybodyMay = (mode: number): boolean => (mode & 0o002) !== 0 && (mode & 0o1000) === 0;

/** `next` says how it is let through. */
export const notOurs = (path: string, why: string, next: string): DevbackupError =>
  new DevbackupError({
    code: "not-ours",
    exitCode: 1,
    what: `${path} is not read: somebody else could have written it`,
    why,
    state: "Nothing was contacted, and no command that it names was run",
    next,
  });
