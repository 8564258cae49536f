import type { Result } from "../lab/lab.ts";

/** What people see, and the bare events. */
export function told({ stdout, stderr, exitCode }: Result): string {
  const events = stdout
    .split("\n")
    .map((line) => line.replace(/"plan":.*|"action":(\{"id":"[^"]+").*/, "$1 …"));
  return `${events.join("\n")}\n${stderr}exit ${exitCode}`;
}
