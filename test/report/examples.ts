import type { Label } from "../../src/domain/label.ts";
import type { DatasetName, HostName } from "../../src/domain/names.ts";
import type { Action, ActionId, Plan, Problem, Warning } from "../../src/plan/plan.ts";

export const id = (text: string): ActionId => text as ActionId;
export const host = (text: string): HostName => text as HostName;
export const dataset = (text: string): DatasetName => text as DatasetName;
export const label = (text: string): Label => text as Label;

/** An action of which only what a test is about has to be said. */
export const action = (some: Partial<Action> & { id: ActionId }): Action => ({
  host: host("ls"),
  dataset: dataset("dev"),
  label: label("2026-03"),
  stage: "snapshot",
  kind: some.id.split(":")[0] ?? "",
  change: "create",
  summary: "do something",
  reason: "it is not there",
  details: [],
  hazard: "none",
  needs: [],
  assumes: {},
  input: { secret: "never shown" },
  ...some,
});

export const packages = action({
  id: id("packages:ls"),
  dataset: null,
  label: null,
  stage: "provision",
  summary: "install zstd, age and curl",
  reason: "missing: zstd, age, curl",
  details: ["apt-get install zstd age curl"],
});

export const snapshot = action({
  id: id("snapshot:dev@2026-03"),
  host: host("ws"),
  summary: "take the read-only snapshot dev@2026-03",
  reason: "no snapshot for this period",
});

export const artifact = action({
  id: id("artifact:dev@2026-03"),
  stage: "artifact",
  summary: "make and store the increment dev@2026-03",
  reason: "increment: increments since dev@2026-01 are 312 MiB, the anchor is 1.1 GiB",
  needs: [snapshot.id],
});

export const hydrate = action({
  id: id("hydrate:dev@2026-03"),
  stage: "hydrate",
  summary: "receive dev@2026-03 on the server",
  reason: "it is registered and not yet hydrated",
  needs: [artifact.id],
});

export const workingCopy = action({
  id: id("working-copy:dev"),
  stage: "hydrate",
  change: "update",
  summary: "bring the working copy to dev@2026-03",
  reason: "it stands at dev@2026-02",
  needs: [hydrate.id],
});

export const removal = action({
  id: id("retention:ls:dev@2025-12"),
  stage: "retention",
  change: "delete",
  label: label("2025-12"),
  summary: "delete the server snapshot dev@2025-12",
  reason: "keep_last: 2 keeps dev@2026-02 and dev@2026-03",
  details: ["/srv/btrfs-backups/dev/restore/worktree_receive/dev@2025-12"],
  hazard: "destructive",
});

export const noRecovery: Warning = {
  code: "no-recovery-recipient",
  host: null,
  dataset: null,
  text: "nobody but the server can open the backups: encryption.recovery_recipients is empty",
};

export const notBtrfs: Problem = {
  code: "not-on-btrfs",
  host: host("ws"),
  dataset: dataset("dev"),
  text: "/home/chuck/code is on ext4, which has no snapshots",
  next: "move it to a Btrfs filesystem, or name another path under datasets.dev.path",
};

export function plan(actions: readonly Action[], some: Partial<Plan> = {}): Plan {
  const count = (change: Action["change"]): number => actions.filter((each) => each.change === change).length;
  return {
    formatVersion: 1,
    createdAt: "2026-03-01T03:00:00Z",
    mode: "backup",
    labels: { dev: label("2026-03") },
    warnings: [],
    notes: [],
    problems: [],
    actions,
    summary: {
      total: actions.length,
      create: count("create"),
      update: count("update"),
      delete: count("delete"),
      hazardous: actions.filter(({ hazard }) => hazard !== "none").length,
    },
    ...some,
  };
}
