import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { snapshotName } from "../../domain/artifact.ts";
import type { AbsolutePath } from "../../domain/names.ts";
import { differenceInWords } from "../../domain/tree-difference.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import { plural } from "../../domain/units.ts";
import type { Finding } from "../../domain/verification.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import { hydratedFolder } from "../machine/folders.ts";
import { compareWithFingerprint } from "../proof/compare.ts";
import { fingerprintFile } from "../proof/fingerprint-files.ts";
import { damagedSnapshotMark } from "../receive/receive-script.ts";
import { expectSuccess, type Failure, SCRATCH } from "../run-script.ts";
import type { Thing } from "./things.ts";
import { unread } from "./unread.ts";

/**
 * Reads every file of a hydrated snapshot, or compares all of it with the fingerprint of its label. Null for `why` where it is as
 * it should be, else what is wrong with it; then a mark stays, so that the next plan knows.
 * @throws DevbackupError `verify-failed` where the server could not look
 */
export async function checkSnapshot(
  host: Host,
  spec: DatasetSpec,
  { label, identity, check }: Thing,
  signal: AbortSignal,
): Promise<Pick<Finding, "why" | "asRegistered">> {
  const name = snapshotName(spec.name, label);
  const failed: Failure = {
    code: "verify-failed",
    what: `${name} could not be read`,
    next: "devbackup verify",
    signal,
  };
  return unread(host, spec, { name, uuid: identity }, failed, async (tree) => {
    const readFiles = async (): Promise<string | null> => {
      const { stdout } = await expectSuccess(host, readFilesScript(spec, name, identity, tree), failed);
      const [, count = "", first = ""] = /^damaged (\d+)\n(.*)$/m.exec(stdout) ?? [];
      return count === "" ? null : `${plural(Number(count), "file")} can't be read: ${first}`;
    };
    if (check === "fingerprint") {
      const compared = await compareWithFingerprint(host, spec, label, tree, signal).catch(asUncompared);
      if (!(compared instanceof DevbackupError)) {
        if (compared.differing === 0) {
          await expectSuccess(host, wholeScript(spec, name), failed);
          return WHOLE;
        }
        const { stdout } = await expectSuccess(host, differsScript(spec, name, identity), failed);
        const first = compared.first.slice(0, 3).map(differenceInWords).join("; ");
        const why = `${plural(compared.differing, "path")} not as backed up: ${first}`;
        return stdout === "again\n" ? { why: `${why}${AGAIN_THE_SAME}`, asRegistered: true } : { why };
      }
      // what can't be read can't be compared; which file it is, reading alone tells
      const unreadable = await readFiles();
      if (unreadable !== null) return { why: unreadable };
      throw notCompared(host, name, fingerprintFile(spec, label), compared);
    }
    return { why: await readFiles() };
  });
}

/** Every file of it can be read, so that it is the fingerprint, or what compares. */
const notCompared = (
  host: Host,
  name: string,
  fingerprint: AbsolutePath,
  { trouble: { why = "nothing was said" } }: DevbackupError,
): DevbackupError =>
  new DevbackupError({
    code: "verify-failed",
    exitCode: 1,
    host: host.name,
    what: `${name} could not be compared with its fingerprint`,
    why: `${why}; every file of it can be read: look at ${fingerprint}, and where that is damaged, move it away`,
    state: "Nothing was changed; it is safe to run again",
    next: `put ${fingerprint} right, or move it away; then devbackup verify`,
  });

const WHOLE = { why: null };
const AGAIN_THE_SAME =
  "; it was received anew once already: what differs stands in its artifact, or in the fingerprint";

function asUncompared(error: unknown): DevbackupError {
  if (error instanceof DevbackupError && error.trouble.code === "comparison-failed") return error;
  throw error;
}

/** Lines of sh: `mark` leaves the UUID `$uuid` where the next plan finds it. */
const MARK = (spec: DatasetSpec, name: string, uuid: string): string => sh`
m=${damagedSnapshotMark(spec, name)} uuid=${uuid} d=${hydratedFolder(spec.repository)} n=${name}
mark() { (umask 077; echo "$uuid" >"$m.new") && sync "$m.new" && mv -T -- "$m.new" "$m" && sync "$(dirname -- "$m")"; }
`;

export const wholeScript = (spec: DatasetSpec, name: string): string =>
  sh`rm -f -- ${damagedSnapshotMark(spec, name)}`;

/** One that was received anew already would be so with every run, and each time the former would be kept. */
export const differsScript = (spec: DatasetSpec, name: string, uuid: string): string =>
  `${MARK(spec, name, uuid)}${sh`
for s in "$d/set-aside.$n."*; do [ ! -e "$s" ] || { echo again; exit 0; }; done
mark`}`;

/**
 * A file whose blocks are not what they were gives no byte of them, only an error (btrfs(5), CHECKSUM ALGORITHMS). What
 * else goes wrong says nothing of it.
 */
const readFilesScript = (spec: DatasetSpec, name: string, uuid: string, tree: AbsolutePath): string =>
  `${MARK(spec, name, uuid)}${SCRATCH}${sh`
cd ${tree}
# its arguments are everybody's to read, and names in them would be
tar -c --one-file-system --warning=no-file-ignored . 2>"$w/errors" | cat >/dev/null
sed '/^tar: Exiting with failure status/d; s/: Read error at byte [0-9]*, while reading [0-9]* bytes: /: /' "$w/errors" >"$w/said"
if [ ! -s "$w/said" ]; then rm -f -- "$m"; echo whole; exit 0; fi
if grep -q -e 'Input/output error$' "$w/said"; then
  mark
  echo "damaged $(grep -c -e 'Input/output error$' "$w/said")"
  grep -e 'Input/output error$' "$w/said" | head -n 1 | sed 's/^[a-z]*: //'
else head -n 3 "$w/said" >&2; exit 1; fi`}`;
