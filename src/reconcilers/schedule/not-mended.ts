import type { HostName } from "../../domain/names.ts";
import type { Warning } from "../../plan/plan.ts";
import { type Broken, programBroken, secretBroken } from "./broken.ts";
import type { WantedSchedule } from "./wanted.ts";

// What is broken of a schedule, and can't be mended from here. No problems, which would keep a person from backing up
// by hand what the schedule does not.

export const programNotMended = (on: HostName, programExit: number): Warning => ({
  code: "schedule-broken",
  host: on,
  dataset: null,
  text: `${programBroken(programExit)}, and what runs devbackup here does not fit there: apply from a machine of its kind, ${on} itself for one, with a devbackup that was built`,
});

/** Of the secrets that can't be decrypted there, those that can't be read here, either. */
export const secretsNotMended = ({
  wanted: { on, secrets },
  broken,
}: {
  readonly wanted: Pick<WantedSchedule, "on" | "secrets">;
  readonly broken: Broken;
}): Warning[] =>
  [...secrets].flatMap(([name, secret]) =>
    secret.kind === "unreadable" && broken.secrets.has(name)
      ? [
          {
            code: "schedule-broken",
            host: on,
            dataset: null,
            text: `${secretBroken(name)}, and it can't be read here: ${secret.why}; ${secret.next}`,
          },
        ]
      : [],
  );
