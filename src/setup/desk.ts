import type { SshSurroundings } from "../transport/ssh/config.ts";

/** Who sits at the terminal, and by what the conversation reaches them and the world. */
export interface Desk extends SshSurroundings {
  /** Of whoever runs this. */
  readonly home: string;
  readonly user: string;
  /** The environment with the bucket's secrets, which `env`, for programs that are started, is without. */
  readonly secrets: NodeJS.ProcessEnv;
  /** One line about something that was looked at or tried, or a line beside it. */
  readonly say: (mark: Mark, text: string) => void;
}

/** It is well; there is something to know; it will not do; what to compare or to type. */
export type Mark = "good" | "mind" | "bad" | "plain";
