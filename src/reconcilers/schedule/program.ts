import { fileName, type HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Warning } from "../../plan/plan.ts";
import type { Host } from "../../transport/host.ts";
import { localHost } from "../../transport/local-host.ts";
import { failedEnd, pipe } from "../../transport/pipe.ts";
import { sh } from "../../transport/quote.ts";
import { OWN_FOLDER } from "../machine/own-folder.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler, Tools } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { FORGET_FAILURE } from "./broken.ts";
import { dueOf, programId, proposeOn } from "./common.ts";
import { programNotMended } from "./not-mended.ts";
import { fits } from "./schedule-problems.ts";
import type { ProgramFile } from "./wanted.ts";

interface Input {
  /** VERSION-HASH. */
  readonly name: string;
  /** Of ours, to be removed once the new one stands. */
  readonly former: readonly string[];
}

/** The program that a schedule runs: this very one, with the Node that runs it, since hosts have none that is new enough. */
export const scheduledProgram: Reconciler<Input> = {
  kind: "schedule-program",
  diff: (view) => {
    const due = dueOf(view);
    if (due === null) return {};
    const { current, programs } = due.there;
    const { programExit } = due.broken;
    const runs = programExit === null;
    const { on, program } = due.wanted;
    if (programExit !== null && !fits(due.wanted, due.there))
      return { warnings: [programNotMended(on, programExit)] };
    if (program === null) return {};
    const { name } = program;
    if (!fits(due.wanted, due.there)) return { warnings: ofAnotherKind(on, name, current) };
    if (runs && current !== null && programs.includes(current) && isLater(current, name))
      return { warnings: [kept(on, name, current, EARLIER)] };
    const former = programs.filter((each) => each !== name);
    if (runs && current === name && programs.includes(name)) return {};
    return {
      actions: [
        proposeOn<Input>("schedule-program", on, {
          id: programId(on),
          change: current === null ? "create" : "update",
          summary: `install devbackup ${versionOf(name)}, and the Node that runs it`,
          reason: runs
            ? whyNot(current, name)
            : `what is there does not run: it ends with exit code ${programExit}`,
          details: [
            `${OWN_FOLDER}/${name}`,
            ...former.map((each) => `${OWN_FOLDER}/${each} is removed after it`),
          ],
          needs: [packagesId(on)],
          input: { name, former },
        }),
      ],
    };
  },
  run: async ({ host: on, input: { name, former } }, tools) => {
    const { files } = await toInstall(tools);
    const host = await administered(tools.host(on));
    const sent = await pipe({
      from: localHost({ name: "here" as HostName, become: "none", env: process.env }),
      source: packScript(files),
      to: host,
      sink: unpackScript(name),
      signal: tools.signal,
    });
    const failed = failedEnd(sent);
    if (failed !== null) throw installFailed(on, failed.why);
    tools.assertHeld();
    await expectSuccess(host, stand(name, files, former), {
      code: "schedule-program-failed",
      what: `devbackup ${name} could not be installed`,
      stdin: files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join(""),
      timeoutMs: 5 * 60_000,
      next: `where its system can't run this Node: apply from ${on} itself, with a Node that runs there, or name another host in schedule.on`,
    });
    return name;
  },
};

const whyNot = (current: string | null, name: string): string =>
  current === null ? "its schedule needs it" : `${current} is there, and this is ${name}`;

const versionOf = (name: string): string => name.slice(0, name.lastIndexOf("-"));

/** By what stands before a hyphen, as in 1.0.0-rc.1: builds of one such version take each other's place. */
const isLater = (one: string, other: string): boolean =>
  releaseOf(one).localeCompare(releaseOf(other), "en", { numeric: true }) > 0;

const releaseOf = (name: string): string => name.slice(0, name.indexOf("-"));

const EARLIER = `an earlier one: what is there stays; bring this one up to date, or, to go back to it: rm ${OWN_FOLDER}/current there, and apply`;

/** Builds of one version for different machines are never the same. */
const ofAnotherKind = (on: HostName, name: string, current: string | null): Warning[] =>
  current === null || versionOf(current) === versionOf(name)
    ? []
    : [
        kept(
          on,
          name,
          current,
          `for another kind of machine: apply from one of its kind, ${on} itself for one, brings it up to date`,
        ),
      ];

const kept = (on: HostName, name: string, current: string, why: string): Warning => ({
  code: "schedule-program-kept",
  host: on,
  dataset: null,
  text: `its schedule runs devbackup ${versionOf(current)}, and this is ${versionOf(name)}, ${why}`,
});

/** What only a schedule's own actions ask for. */
export function toInstall({ scheduled }: Tools): ReturnType<NonNullable<Tools["scheduled"]>> {
  if (scheduled === undefined) throw new RangeError("no schedule was looked at");
  return scheduled();
}

/** The end of a pipe is the restricted login's alone, which installs nothing. */
async function administered(host: Host): Promise<Host> {
  const administrator = await host.administrator?.();
  return administrator === undefined ? host : { ...host, shellArgv: administrator.shellArgv };
}

/** Each file may lie in a folder of its own here, and Node or the executable may have another name. */
const packScript = (files: readonly ProgramFile[]): string => {
  const from = files.flatMap((file) => {
    const inside = packedAs(file);
    return ["-C", file.here.slice(0, -inside.length) || "/", inside];
  });
  return sh`set -e; tar -chf - ${from} | gzip -1`;
};

const packedAs = ({ path, here }: ProgramFile): string => (here.endsWith(`/${path}`) ? path : fileName(here));

/** What a schedule runs: the executable, or what hands `devbackup.mjs` to the Node beside it. */
export const STARTER = "devbackup";
export const NODE = "node";

/** Beside those that stand, under a name that nobody takes for one of them. */
const unpackScript = (name: string): string => sh`set -e; umask 022
mkdir -p ${OWN_FOLDER}; cd ${OWN_FOLDER}
rm -rf -- ${`./${name}.new`}; mkdir ${`./${name}.new`}; cd ${`./${name}.new`}
tar -xzof -`;

/** Whole, and fit to run there: only then does `current` lead to it, in one step, and only then are others removed. */
const stand = (name: string, files: readonly ProgramFile[], former: readonly string[]): string => {
  const named = files
    .filter((file) => packedAs(file) !== file.path)
    .map((file) => sh`mv -T -- ${`./${packedAs(file)}`} ${`./${file.path}`}\n`);
  const run = files.flatMap(({ path }) => (path === STARTER || path === NODE ? [`./${path}`] : []));
  return sh`cd ${`${OWN_FOLDER}/${name}.new`}
`.concat(
    ...named,
    sh`sha256sum --quiet -c - >&2
chown -R root:root .; chmod -R u=rwX,go=rX .; chmod 755 ${run}
./${STARTER} --version >/dev/null
sync -f .
cd ${OWN_FOLDER}
rm -rf -- ./${name}; mv -T -- ${`./${name}.new`} ./${name}
ln -sfn -- ${name} current.new; mv -T -- current.new current; sync -f .
for d in ${former} [0-9]*.new; do rm -rf -- "./$d"; done
`,
    FORGET_FAILURE,
  );
};

const installFailed = (host: HostName, why: string): DevbackupError =>
  new DevbackupError({
    code: "schedule-program-failed",
    exitCode: 1,
    host,
    what: "devbackup could not be sent there",
    why,
    state: "What stood there still does; it is safe to run again",
    next: "devbackup apply",
  });
