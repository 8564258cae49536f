/** One thing that was tried, and what came of it. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
  readonly said: string;
}
