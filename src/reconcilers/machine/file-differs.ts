import { sha256Of } from "../../transport/hash.ts";

/** A file as it should lie on a host: root's, its mode octal as chmod takes it. */
interface WantedFile {
  readonly path: string;
  readonly mode: string;
  readonly content: string;
}

/** What each of `wanted` has other than it should, a line each; `there`: `MODE UID SHA256` by path, of those that are there. */
export const differencesOf = (
  wanted: readonly WantedFile[],
  there: ReadonlyMap<string, string>,
): readonly string[] =>
  wanted.flatMap(({ path, mode, content }) => {
    const found = there.get(path);
    if (found === undefined) return [`${path} is not there`];
    const [modeThere, uid, sha256] = found.split(" ");
    const differs = [
      ...(modeThere === mode ? [] : [`its mode is ${modeThere}, not ${mode}`]),
      ...(uid === "0" ? [] : [`it belongs to user ${uid}, not to root`]),
      ...(sha256 === sha256Of(content) ? [] : ["it holds something else than it should by now"]),
    ];
    return differs.length === 0 ? [] : [`${path}: ${differs.join("; ")}`];
  });
