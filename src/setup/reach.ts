import type { HostAnswer } from "../desired-state/answers.ts";
import type { ConnectionSpec, HostSpec } from "../desired-state/desired-state.ts";
import { type HostName, parseHostName } from "../domain/names.ts";
import { DevbackupError, type Trouble } from "../domain/trouble.ts";
import { connectHost } from "../transport/connect.ts";
import type { Host } from "../transport/host.ts";
import { resolveSsh } from "../transport/ssh/config.ts";
import { HostKeyUnknown, rememberHostKey } from "../transport/ssh/new-host-key.ts";
import { adviceFor, type Login, ofHostKey } from "./advice.ts";
import type { Desk } from "./desk.ts";
import { lookAtMachine, type MachineFacts } from "./machine.ts";
import { agree, choose } from "./prompts.ts";
import { btrfsInWords } from "./proposals.ts";

export type Role = "workstation" | "server";

/** A machine of the desired state that is to be, as far as it could be reached. */
export interface Machine {
  readonly answer: HostAnswer;
  readonly spec: HostSpec;
  /** In sentences: `this machine`, `backup.lan`. */
  readonly called: string;
  /** Undefined where it was not reached; without root's rights where `open` says so. */
  readonly host: Host | undefined;
  readonly facts: MachineFacts | undefined;
  /** What does not work yet and was left for later. */
  readonly open: string | undefined;
}

/**
 * Logs in and becomes root, and tries again until that works or is left for later. Undefined where another address is to
 * be given. A host key that is new is taken in only on a yes.
 */
export async function reach(role: Role, answer: HostAnswer, desk: Desk): Promise<Machine | undefined> {
  const called = answer.kind === "local" ? "this machine" : answer.address;
  const spec: HostSpec = { name: nameOf(role), role, connection: connectionOf(answer), become: "sudo" };
  for (;;) {
    const { host, facts, error } = await tryOut(spec, desk);
    if (error === undefined) {
      const works = await whatWorks(role, answer, desk);
      const btrfs = facts && btrfsInWords(facts.btrfs);
      const lacking = "no Btrfs is mounted, and devbackup needs one";
      desk.say(btrfs ? "good" : "mind", `${called}: ${[...works, btrfs ?? lacking].join("; ")}`);
      return { answer, spec, called, host, facts, open: undefined };
    }
    if (error instanceof HostKeyUnknown) {
      if (await takeIn(called, error, desk)) continue;
    } else await explain(role, answer, called, error.trouble, desk);
    const what = await choose("What now?", choicesFor(answer), "again");
    if (what === "again") {
      await host?.close();
      continue;
    }
    if (what === "without") return { answer, spec, called, host, facts, open: error.trouble.what };
    await host?.close();
    return undefined;
  }
}

interface Tried {
  readonly host: Host | undefined;
  readonly facts: MachineFacts | undefined;
  readonly error: DevbackupError | undefined;
}

async function tryOut(spec: HostSpec, desk: Desk): Promise<Tried> {
  const around = desk.configFile === undefined ? {} : { configFile: desk.configFile };
  const as = async (become: "sudo" | "none"): Promise<Tried> => {
    const host = await connectHost({ ...spec, become }, desk.env, around);
    try {
      return { host, facts: await lookAtMachine(host), error: undefined };
    } catch (error) {
      await host.close();
      throw error;
    }
  };
  const failed = (error: unknown): DevbackupError => {
    if (error instanceof DevbackupError) return error;
    throw error;
  };
  try {
    return await as("sudo");
  } catch (thrown) {
    const error = failed(thrown);
    if (!error.trouble.code.startsWith("sudo-")) return { host: undefined, facts: undefined, error };
    // without root's rights most can be seen all the same
    const plain = await as("none").catch((again: unknown) => {
      failed(again);
      return { host: undefined, facts: undefined };
    });
    return { ...plain, error };
  }
}

/** Whether the key was taken in. */
async function takeIn(called: string, { key }: HostKeyUnknown, desk: Desk): Promise<boolean> {
  const { shown, compare } = ofHostKey(key);
  desk.say("mind", `host key of ${called}, new here: ${shown}`);
  if (key.others.length > 0)
    desk.say(
      "bad",
      `It is known by another key, of type ${key.others.join(", ")}: if it was not set up anew, another machine may be answering`,
    );
  desk.say("plain", `To compare, on ${called} itself: ${compare}`);
  if (!(await agree(`Is it the same there? Then it is added to ${key.file ?? "known_hosts"}`))) return false;
  try {
    await rememberHostKey(key);
    return true;
  } catch (error) {
    if (!(error instanceof DevbackupError)) throw error;
    const { what, why, next } = error.trouble;
    desk.say("bad", `${what}: ${why}`);
    desk.say("plain", next ?? "");
    return false;
  }
}

async function explain(
  role: Role,
  answer: HostAnswer,
  called: string,
  trouble: Trouble,
  desk: Desk,
): Promise<void> {
  const what = `${called}: ${trouble.what}`;
  desk.say("bad", trouble.why === undefined ? what : `${what}: ${trouble.why}`);
  const login = await loginOf(role, answer, desk);
  desk.say("plain", adviceFor(trouble, login));
}

/** Of root there is nothing to say where the login is root's. */
async function whatWorks(role: Role, answer: HostAnswer, desk: Desk): Promise<string[]> {
  const { user } = await loginOf(role, answer, desk);
  const root = user === "root";
  return answer.kind === "local"
    ? root
      ? []
      : ["sudo works"]
    : [root ? "the login works" : "login and sudo work"];
}

async function loginOf(role: Role, answer: HostAnswer, desk: Desk): Promise<Login> {
  if (answer.kind === "local") return { user: desk.user, ssh: undefined };
  const resolved = await usual(role, answer, desk);
  const user = resolved?.user ?? answer.user ?? desk.user;
  const port = resolved === undefined || resolved.port === 22 ? "" : `-p ${resolved.port} `;
  return { user, ssh: `${port}${user}@${answer.address}` };
}

/** What OpenSSH makes of it; undefined where it cannot tell. */
export const usual = (role: Role, answer: Extract<HostAnswer, { kind: "ssh" }>, desk: Desk) =>
  resolveSsh(nameOf(role), connectionOf(answer), desk).catch(() => undefined);

function choicesFor(
  answer: HostAnswer,
): Readonly<Partial<Record<"again" | "elsewhere" | "without", string>>> {
  return {
    again: "try again",
    ...(answer.kind === "ssh" && { elsewhere: "another address or login" }),
    without: "go on without; devbackup plan will tell",
  };
}

/** The same machine in another role. */
export const asRole = (machine: Machine, role: Role): Machine => ({
  ...machine,
  spec: { ...machine.spec, name: nameOf(role), role },
});

function nameOf(role: Role): HostName {
  const name = parseHostName(role);
  if (name === undefined) throw new RangeError(`${role} is no name of a host`);
  return name;
}

function connectionOf<Answer extends HostAnswer>(
  answer: Answer,
): Extract<ConnectionSpec, { kind: Answer["kind"] }>;
function connectionOf(answer: HostAnswer): ConnectionSpec {
  return answer.kind === "local"
    ? answer
    : { ...answer, port: undefined, identityFile: undefined, knownHosts: undefined };
}
