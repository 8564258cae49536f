import type { HostName } from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Host } from "../../transport/host.ts";
import { expectSuccess } from "../run-script.ts";
import type { View } from "../view.ts";
import { readinessScript } from "./sync-back-script.ts";

/** The two ends: the server gives, the workstation takes. */
export interface Ends {
  readonly server: Host;
  readonly workstation: Host;
}

/** @throws DevbackupError where the server has no working copy of ours, or either end can't do it */
export async function refuseUnready({ spec, facts }: View, { server, workstation }: Ends): Promise<void> {
  const refuse = (
    host: HostName,
    code: "no-working-copy" | "rsync-missing" | "no-such-user",
    what: string,
    next: string,
  ) => {
    throw new DevbackupError({ code, exitCode: 1, host, what, state: "Nothing was changed", next });
  };
  const { workingCopy: copy } = facts;
  if (
    spec.workingCopy === null ||
    copy.kind === "absent" ||
    (copy.kind === "known" && copy.value.kind !== "subvolume")
  )
    refuse(
      spec.server,
      "no-working-copy",
      spec.workingCopy === null
        ? `no working copy of ${spec.name} is declared`
        : `there is no working copy at ${spec.workingCopy}`,
      spec.workingCopy === null
        ? "for one: `working_copy: PATH` in the desired state, then: devbackup apply"
        : "devbackup apply makes it",
    );
  for (const host of [server, workstation]) {
    const { stdout } = await expectSuccess(host, readinessScript(spec), {
      code: "sync-back-failed",
      what: "it could not be looked at",
      state: "Nothing was changed",
    });
    if (!/^rsync$/m.test(stdout))
      refuse(
        host.name,
        "rsync-missing",
        "rsync is not installed there, and nothing else needs it",
        "on that host: apt-get install rsync (or with dnf, pacman, zypper)",
      );
    if (!/^owner$/m.test(stdout))
      refuse(
        host.name,
        "no-such-user",
        `there is no user ${spec.owner}, as whom it is done`,
        "make that user there, or name another as `owner`",
      );
  }
}
