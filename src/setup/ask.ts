import {
  answersFromFlags,
  type HostAnswer,
  type InitFlags,
  type Person,
  type StarterAnswers,
} from "../desired-state/answers.ts";
import { starterState } from "../desired-state/init.ts";
import { checkDesiredState } from "../desired-state/load.ts";
import type { Desk } from "./desk.ts";
import { askFolders } from "./folders.ts";
import { ask, choose } from "./prompts.ts";
import { asRole, type Machine, type Role, reach, usual } from "./reach.ts";
import { askCloud, unset } from "./store.ts";

/** What was answered, and what is known of it. */
export interface SetUp {
  readonly answers: StarterAnswers;
  /** What works: `backup.lan`, `bucket dev-backups`. */
  readonly tested: readonly string[];
  /** What was left for later, each in a sentence. */
  readonly open: readonly string[];
  /** Environment variables that the bucket's secrets are read from, and that are not set. */
  readonly unset: readonly string[];
}

/**
 * Asks on the terminal for what a starter desired state needs, and tries each answer out as it is given; `given` are the
 * flags, which become the defaults. Writes nothing but, on a yes, a new host key. Throws what the prompts throw when the
 * person ends them (Ctrl-C).
 */
export async function setUp(given: InitFlags, desk: Desk): Promise<SetUp> {
  const machines: Machine[] = [];
  try {
    const workstation = await askMachine("workstation", given.workstation ?? "local", given.user, desk);
    machines.push(workstation);
    const server = await askMachine("server", given.server, given.serverUser, desk, workstation);
    if (server.answer !== workstation.answer) machines.push(server);
    const { user: _, ...rest } = given;
    const folders = await askFolders(rest, desk, { workstation, server }, desk);
    const hosts: InitFlags = {
      workstation: addressOf(workstation.answer),
      user: userOf(workstation.answer),
      server: addressOf(server.answer),
      serverUser: userOf(server.answer),
    };
    const answersOf = (cloud: InitFlags) => answersFromFlags({ ...hosts, ...folders.flags, ...cloud }, desk);
    const cloud = await askCloud(given, (flags) => cloudOf(answersOf(flags), desk), desk);
    const answers = answersOf(cloud.flags);
    const spec = cloudOf(answers, desk);
    return {
      answers,
      tested: [
        ...machines.filter(({ open }) => open === undefined).map(({ called }) => called),
        cloud.tested,
      ].filter((each) => each !== undefined),
      open: [
        ...machines.map(({ called, open }) => open && `${called}: ${open}`),
        ...folders.open,
        cloud.open,
      ].filter((each) => each !== undefined),
      unset: spec === null ? [] : unset(spec, desk.secrets),
    };
  } finally {
    await Promise.allSettled(machines.map(({ host }) => host?.close()));
  }
}

/** Asks where a machine is, and whether it can be reached; one that is `reached` already is not tried again. */
async function askMachine(
  role: Role,
  address: string | undefined,
  user: string | undefined,
  desk: Desk,
  reached?: Machine,
): Promise<Machine> {
  const place = await choose(
    role === "workstation" ? "Where is the work that is to be backed up?" : "Where are the backups kept?",
    { local: "on this machine", ssh: "on another machine, over SSH" },
    address === "local" ? "local" : "ssh",
  );
  if (place === "local" && reached?.answer.kind === "local") return asRole(reached, role);
  let before = { address: address === "local" ? undefined : address, user };
  for (;;) {
    const answer: HostAnswer = place === "local" ? { kind: "local" } : await askLogin(role, before, desk);
    const machine = await reach(role, answer, desk);
    if (machine !== undefined) return machine;
    if (answer.kind === "ssh") before = answer;
  }
}

async function askLogin(
  role: Role,
  before: { readonly address: string | undefined; readonly user: string | undefined },
  desk: Desk,
): Promise<Extract<HostAnswer, { kind: "ssh" }>> {
  const address = await ask(`Address of the ${role} (host name, IP or SSH alias):`, role, before.address);
  // as ssh would log in there, which need not be written down
  const usually = (await usual(role, { kind: "ssh", address, user: undefined }, desk))?.user;
  const user = await ask(
    `Login on ${address}:`,
    role === "server" ? "serverUser" : "user",
    before.user ?? usually,
    { optional: usually === undefined },
  );
  return { kind: "ssh", address, user: user === "" || user === usually ? undefined : user };
}

/** The bucket as the desired state will have it. */
function cloudOf(answers: StarterAnswers, { home }: Person) {
  const checked = checkDesiredState(starterState(answers), { file: "devbackup.yaml", home });
  return checked.kind === "valid" ? checked.desired.cloud : null;
}

const addressOf = (answer: HostAnswer): string => (answer.kind === "local" ? "local" : answer.address);
const userOf = (answer: HostAnswer): string | undefined =>
  answer.kind === "local" ? undefined : answer.user;
