import { parseArtifactFile, snapshotName } from "../../domain/artifact.ts";
import { type FoundFile, verdictOn } from "../../domain/import.ts";
import type { ManifestRow } from "../../domain/manifest.ts";
import {
  type AbsolutePath,
  fileName,
  joinPath,
  parentOf,
  parseAbsolutePath,
  type Sha256,
} from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { formatBytes } from "../../domain/units.ts";
import type { Action } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose } from "../answer.ts";
import { intoRepositoryScript } from "../artifact/fetch.ts";
import { IMPORT_SUFFIX } from "../artifact/remains.ts";
import { ENTER, GIVEN } from "../machine/enter.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { asideFolder, holds, tmpFile } from "./store.ts";

/** What lies in a folder of the server, sorted out. */
export interface Sorted {
  readonly take: readonly { readonly file: FoundFile; readonly row: ManifestRow }[];
  readonly left: readonly { readonly path: string; readonly why: string; readonly damaged: boolean }[];
  /** It lies on the repository's own Btrfs: what is taken from it shares its blocks, and needs no room. */
  readonly sharesBlocks: boolean;
}

interface Input {
  readonly from: AbsolutePath;
  readonly tmp: AbsolutePath;
  readonly file: AbsolutePath;
  readonly aside: AbsolutePath;
  readonly sizeBytes: number;
  readonly sha256: Sha256;
}

/**
 * Finds every file below `folder` that has the name of an artifact, however the folder is laid out, and hashes those
 * that the repository lacks. @throws DevbackupError where there is no such folder, or it can't be looked through
 */
export async function sortOut(view: View, folder: AbsolutePath, tools: Tools): Promise<Sorted> {
  const { spec, facts, course } = view;
  const host = tools.host(spec.server);
  const { stdout } = await expectSuccess(host, listScript(folder, spec.repository, `${spec.name}@*.age`), {
    code: "folder-unread",
    what: `${folder} could not be looked through`,
    state: "Nothing was changed",
    next: `name a folder of ${spec.server}, by its absolute path`,
    signal: tools.signal,
  });
  const [shares = "", ...entries] = stdout.split("\0").slice(0, -1);
  const files = entries.flatMap((entry): FoundFile[] => {
    const path = parseAbsolutePath(entry.slice(entry.indexOf(" ") + 1));
    const ref = path === undefined ? undefined : parseArtifactFile(spec.name, fileName(path));
    return path === undefined || ref === undefined
      ? []
      : [{ path, ref, sizeBytes: Number.parseInt(entry, 10) }];
  });
  const take = new Map<ManifestRow, FoundFile>();
  const left: { path: string; why: string; damaged: boolean }[] = [];
  for (const file of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const verdict = verdictOn(file, course.rows, (row) => !holds(facts.store, row));
    if (verdict.kind === "left") left.push({ path: file.path, ...verdict });
    else if (take.has(verdict.row))
      left.push({ path: file.path, why: "another file here is the same artifact", damaged: false });
    else {
      const found = await hashOf(view, file, tools);
      if (found === verdict.row.sha256) take.set(verdict.row, file);
      else
        left.push({
          path: file.path,
          why: `its sha256 is ${found}, and the manifest says ${verdict.row.sha256}`,
          damaged: true,
        });
    }
  }
  const taken = course.rows.flatMap((row) => {
    const file = take.get(row);
    return file === undefined ? [] : [{ file, row }];
  });
  return {
    take: taken,
    left: left.map(({ path, why, damaged }) => ({ path, why, damaged })),
    sharesBlocks: shares === "shares",
  };
}

/** findmnt(8) tells whether both are of one Btrfs: stat(2) gives each subvolume a number of its own. */
const listScript = (folder: AbsolutePath, repository: AbsolutePath, name: string): string => sh`
d=$(cd -P -- ${folder} 2>/dev/null && pwd -P) || { echo "there is no such folder" >&2; exit 1; }
fs() { findmnt -n -o FSTYPE,UUID -T "$1" || :; }
case "$(fs "$d")" in
  btrfs*) if [ "$(fs "$d")" = "$(fs ${repository})" ]; then echo shares; else echo apart; fi ;;
  *) echo apart ;;
esac | tr '\n' '\0'
find "$d" -type f -name ${name} -printf '%s %p\0'`;

/** What its hash is, or that it can't be read. */
async function hashOf({ spec }: View, { path, sizeBytes }: FoundFile, tools: Tools): Promise<string> {
  const script = sh`enter ${parentOf(path)} && given ${fileName(path)} ${sizeBytes + 1} | openssl dgst -sha256 -r | cut -c1-64`;
  const { stdout } = await tools.host(spec.server).run(`${ENTER}${GIVEN}${script}`, { signal: tools.signal });
  return stdout.trim() || "unreadable";
}

export const importActions = ({ spec, facts }: View, { take }: Sorted): Action<Input>[] =>
  take.map(({ file, row }) => {
    const there = facts.store.kind === "known" && facts.store.value.files.has(row.localPath);
    return propose("import", spec, {
      id: actionId("import", spec.name, row.label),
      host: spec.server,
      label: row.label,
      stage: "artifact",
      change: there ? "update" : "create",
      summary: `take the artifact of ${snapshotName(spec.name, row.label)} into the repository, ${formatBytes(row.sizeBytes)}`,
      reason: there
        ? `${file.path} is what the manifest says; what stands in the repository is damaged, and is moved into tmp/set-aside`
        : `${file.path} is what the manifest says, and the repository does not have it`,
      assumes: { sha256: row.sha256 },
      input: {
        from: file.path,
        tmp: tmpFile(spec, fileName(row.localPath) + IMPORT_SUFFIX),
        file: joinPath(spec.repository, row.localPath),
        aside: asideFolder(spec),
        sizeBytes: row.sizeBytes,
        sha256: row.sha256,
      },
    });
  });

/** The hash that counts is that of the copy: what it was made from may change under our hands. */
export async function runImport({ host: name, input }: Action<Input>, tools: Tools): Promise<string> {
  const { from, tmp, file, aside, sizeBytes, sha256 } = input;
  const host = tools.host(name);
  const { stdout } = await expectSuccess(host, copyScript(input), {
    code: "import-failed",
    what: `${from} could not be copied`,
    signal: tools.signal,
  });
  if (stdout.trim() !== sha256)
    throw new DevbackupError({
      code: "artifact-damaged",
      exitCode: 6,
      host: name,
      what: `${from} is not what the manifest says`,
      why: `sha256 ${stdout.trim()}, expected ${sha256}`,
      state: "It was not taken into the repository",
      next: "put a good copy there",
    });
  tools.assertHeld();
  await expectSuccess(host, intoRepositoryScript(tmp, file, aside), {
    code: "import-failed",
    what: `${fileName(file)} could not be put into the repository`,
  });
  return `${formatBytes(sizeBytes)}, its hash the manifest's`;
}

/** Prints the hash of the copy, which stays only where it is the one that is wanted. What came in the file's place is copied as what it is. */
const copyScript = ({ from, tmp, file, sha256 }: Input): string =>
  `${ENTER}${sh`
umask 027; mkdir -p ${parentOf(file)}
umask 077; mkdir -p ${parentOf(tmp)}
t=${tmp} whole=
trap '[ -n "$whole" ] || rm -rf -- "$t"' EXIT; trap 'exit 129' HUP INT TERM PIPE
rm -f -- "$t"
enter ${parentOf(from)}
cp -R -P --reflink=auto -- ./${fileName(from)} "$t"
[ -f "$t" ] && [ ! -L "$t" ] || { echo "it is no file any more" >&2; exit 1; }
sync "$t"
found=$(openssl dgst -sha256 -r <"$t" | cut -c1-64)
echo "$found"
[ "$found" != ${sha256} ] || whole=yes`}`;
