import { existsSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { resolve } from "node:path";
import { answersFromFlags, type InitFlags, type StarterAnswers } from "../desired-state/answers.ts";
import { refuseInVain, starterState, writeStarter } from "../desired-state/init.ts";
import type { AgeRecipient } from "../domain/names.ts";
import { printable } from "../domain/printable.ts";
import { shellWord } from "../domain/shell-word.ts";
import { DevbackupError } from "../domain/trouble.ts";
import { painter, wrapBehind } from "../report/lines.ts";
import type { Desk, Mark } from "../setup/desk.ts";
import { answered } from "./confirm.ts";
import { takeNamed } from "./environment.ts";
import { type CommonFlags, openTerminal, type Terminal } from "./terminal.ts";

/** `devbackup init [DIR]`: a starter desired state, from questions on a terminal or from flags. */
export async function initCommand(dir: string | undefined, flags: CommonFlags & InitFlags): Promise<number> {
  const terminal = openTerminal(flags);
  const folder = dir ?? "desired-state";
  refuseInVain(folder);
  if (terminal.interactive) return converse(folder, flags, terminal);
  const person = { home: homedir(), user: userInfo().username };
  const answers = answersFromFlags(flags, person);
  const file = writeStarter(folder, starterState(answers));
  if (terminal.json) await terminal.document({ formatVersion: 1, file });
  terminal.say(`Wrote ${file}. Look it through, then: ${planOf(folder)}\n${secretsLine(answers)}`);
  return 0;
}

/** Asks, and tries out what is answered; all is written at the end. */
async function converse(folder: string, flags: InitFlags, terminal: Terminal): Promise<number> {
  const { setUp } = await import("../setup/ask.ts");
  const secrets = takeNamed([
    ...["R2", "S3"].flatMap((store) => [`${store}_ACCESS_KEY_ID`, `${store}_SECRET_ACCESS_KEY`]),
    ...[flags.accessKeyIdEnv, flags.secretAccessKeyEnv].filter((name) => name !== undefined),
  ]);
  const say = speaker(terminal);
  const { username: user } = userInfo();
  const { answers, tested, open, unset } = await answered(
    setUp(flags, { home: homedir(), user, env: process.env, secrets, say }),
    STOPPED,
  );
  const recovery = await offerRecovery(say);
  const file = writeStarter(folder, starterState({ ...answers, ...(recovery && { recovery }) }));
  terminal.say("\n");
  say("good", `wrote ${file}`);
  if (tested.length > 0) say("good", `tried, and it works: ${tested.join(", ")}`);
  for (const each of open) say("mind", each);
  if (recovery !== undefined) say("mind", `print ${PAGE} for the safe, and keep the passphrase elsewhere`);
  else if (existsSync(IDENTITY))
    say("mind", `${IDENTITY} is there already: its recipient belongs into encryption.recovery_recipients`);
  else say("mind", "there is no recovery identity yet; later: devbackup keys new-recovery");
  terminal.answer(`\nLook it through, then type:\n\n`);
  if (unset.length > 0) terminal.answer(`export ${unset.map((name) => `${name}=…`).join(" ")}\n`);
  terminal.answer(`${planOf(folder)}\n`);
  return 0;
}

const STOPPED = "Nothing was written, but for a host key that you took in";

const IDENTITY = "devbackup-recovery.age";
const PAGE = "devbackup-recovery.html";

async function offerRecovery(say: Desk["say"]): Promise<AgeRecipient | undefined> {
  if (existsSync(IDENTITY) || existsSync(PAGE)) return undefined;
  const [{ confirm }, { askNewPassphrase, makeRecovery }] = await Promise.all([
    import("@inquirer/prompts"),
    import("./new-recovery.ts"),
  ]);
  const message = "Make the recovery identity now, for the day on which the server is lost?";
  if (!(await answered(confirm({ message, default: true }), STOPPED))) return undefined;
  try {
    return await makeRecovery(await askNewPassphrase(STOPPED), IDENTITY, PAGE);
  } catch (error) {
    if (!(error instanceof DevbackupError) || error.trouble.code !== "identity-unwritten") throw error;
    // what was answered before it is not lost for that
    say("bad", `${error.trouble.what}: ${error.trouble.why}`);
    return undefined;
  }
}

const MARKS: Readonly<
  Record<Exclude<Mark, "plain">, readonly [sign: string, style: "green" | "yellow" | "red"]>
> = {
  good: ["✓", "green"],
  mind: ["!", "yellow"],
  bad: ["✗", "red"],
};

function speaker({ color, width, answer }: Terminal) {
  const paint = painter(color);
  return (mark: Mark, text: string): void => {
    if (mark === "plain") {
      // what is to be copied is not broken
      answer(`    ${printable(text)}\n`);
      return;
    }
    const [sign, style] = MARKS[mark];
    answer(`${wrapBehind(`  ${sign} `, style, printable(text), width, paint).join("\n")}\n`);
  };
}

const planOf = (folder: string): string =>
  resolve(folder) === resolve("desired-state")
    ? "devbackup plan"
    : `devbackup plan --config ${shellWord(folder)}`;

function secretsLine({ cloud }: StarterAnswers): string {
  if (cloud === null) return "";
  const places = [cloud.accessKeyId, cloud.secretAccessKey].map((place) =>
    "env" in place ? `$${place.env}` : place.file,
  );
  return `The bucket's access key is read from ${places.join(" and ")}: have it there first.\n`;
}
