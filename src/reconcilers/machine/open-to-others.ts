import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import type { AbsolutePath, HostName } from "../../domain/names.ts";
import { quote, sh } from "../../transport/quote.ts";
import { type Answer, problem, warning } from "../answer.ts";

/** What others than root may do about a repository. */
export interface OpenToOthers {
  /** Folders above, in which others can put something else in place of what is ours: whose each is, and whether all may. */
  readonly above: readonly { readonly path: string; readonly uid: string; readonly everybody: boolean }[];
  /** Files that are another's, or that others can read or write: paths relative to the repository. */
  readonly files: readonly string[];
}

/** Of the folders above the repository, and of the files in it that nobody but root has a use for. */
export const openProbe = (repository: AbsolutePath): string => `${sh`
p=${repository}`}
while p=\${p%/*}; [ -n "$p" ]; do
  find -H "$p" -maxdepth 0 \\( ! -uid 0 -o -perm -0002 ! -perm -1000 \\) -printf 'above %m %U %p\\n' 2>/dev/null
done
${findOpenFiles(repository, "-printf 'open %P\\n'")}
:`;

/** A file on its way to its place is root's alone, and may be so. */
const findOpenFiles = (repository: AbsolutePath, then: string): string =>
  `${sh`cd ${repository} 2>/dev/null &&`} find . -mindepth 2 \\( -path './artifacts/*' -o -path './manifests/*' -o -path './logs/*' \\) -type f \\( ! -uid 0 -o -perm /0137 \\) ${then}`;

export const readOpen = (stdout: string): OpenToOthers => ({
  above: [...stdout.matchAll(/^above (\d+) (\d+) (.+)$/gm)].map(([, mode = "", uid = "", path = ""]) => ({
    path,
    uid,
    everybody: (Number.parseInt(mode, 8) & 0o1002) === 0o0002,
  })),
  files: [...stdout.matchAll(/^open (.+)$/gm)].map(([, path = ""]) => path),
});

/** Behind the functions of ENTER. */
export const closeScript = (repository: AbsolutePath): string =>
  `enter_own ${sh`${repository}`}; ${findOpenFiles(repository, "-exec chown root:root {} + -exec chmod u-x,g-wx,o-rwx {} +")}`;

/** Whoever may write to a folder above may replace all of the repository: only a person can say what that folder is for. */
export const whoElse = (spec: DatasetSpec, host: HostName, { above }: OpenToOthers): Answer<never> => ({
  problems: above.filter(({ everybody }) => everybody).map(({ path }) => forEverybody(spec, host, path)),
  warnings: above
    .filter(({ everybody }) => !everybody)
    .map(({ path, uid }) => anothers(spec, host, path, uid)),
});

const forEverybody = (spec: DatasetSpec, host: HostName, path: string) =>
  problem(
    "open-to-all",
    spec,
    host,
    `everybody may write to ${path}, and so put another repository in the place of ${spec.repository}`,
    `chmod o-w ${quote(path)}`,
  );

const anothers = (spec: DatasetSpec, host: HostName, path: string, uid: string) =>
  warning(
    "open-to-user",
    spec,
    host,
    `${path} belongs to user ${uid}, who can put another repository in the place of ${spec.repository}: chown root ${quote(path)}`,
  );
