import { CHECKS, type InitFlags } from "../desired-state/answers.ts";

export interface AskOptions {
  readonly optional?: boolean;
  /** What the value is looked at for once its form is right: true, or what is wrong with it. */
  readonly look?: (value: string) => Promise<true | string>;
}

/** Asks for one value, checked as it is typed. Throws what the prompt throws when the person ends it (Ctrl-C). */
export async function ask(
  message: string,
  flag: keyof InitFlags,
  suggestion: string | undefined,
  { optional = false, look }: AskOptions = {},
): Promise<string> {
  const { input } = await import("@inquirer/prompts");
  const answer = await input({
    message,
    ...(suggestion === undefined ? {} : { default: suggestion }),
    validate: async (typed) => {
      const text = typed.trim();
      if (optional && text === "") return true;
      const passes = CHECKS[flag](text);
      if (passes !== true) return `This wants ${passes}`;
      return (await look?.(text)) ?? true;
    },
  });
  return answer.trim();
}

/** Asks for one of several; `fallback` is what Enter takes. */
export async function choose<Value extends string>(
  message: string,
  choices: Readonly<Partial<Record<Value, string>>>,
  fallback: NoInfer<Value>,
): Promise<Value> {
  const { select } = await import("@inquirer/prompts");
  return select<Value>({
    message,
    choices: (Object.entries(choices) as [Value, string][]).map(([value, name]) => ({ name, value })),
    default: fallback,
  });
}

export async function agree(message: string): Promise<boolean> {
  const { confirm } = await import("@inquirer/prompts");
  return confirm({ message, default: false });
}
