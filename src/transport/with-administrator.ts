import { DevbackupError } from "../domain/trouble.ts";
import type { Host } from "./host.ts";

/** What a restricted login ends with that is not set up right, or does not allow what it is asked. Nothing has run. */
const REFUSALS: ReadonlySet<string> = new Set([
  "restricted",
  "shell-failed",
  "sudo-failed",
  "sudo-missing",
  "sudo-password",
  "sudo-refused",
]);

/**
 * A host whose login may not do everything: what it refuses is done by an administrator's, which is opened when it is
 * first needed. The ends of pipes are the restricted login's, unless `administrator` is asked for.
 */
export function withAdministrator(restricted: Host, open: () => Promise<Host>): Host {
  let opened: Promise<Host> | undefined;
  const administrator = (): Promise<Host> => (opened ??= open());
  const unlessRefused = (error: unknown): Promise<Host> => {
    if (error instanceof DevbackupError && REFUSALS.has(error.trouble.code)) return administrator();
    throw error;
  };
  return {
    ...restricted,
    administrator,
    run: (script, options) =>
      restricted
        .run(script, options)
        .catch(async (error: unknown) => (await unlessRefused(error)).run(script, options)),
    start: async (script, options) => {
      const running = await restricted.start(script, options);
      try {
        // only its first word tells that it was let through
        await running.firstLine;
        return running;
      } catch (error) {
        return (await unlessRefused(error)).start(script, options);
      }
    },
    close: async () => {
      await Promise.all([restricted.close(), opened?.then((host) => host.close())]);
    },
  };
}
