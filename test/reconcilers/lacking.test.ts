import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { absent, known } from "../../src/domain/fact.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import { lackingProbe } from "../../src/reconcilers/receive/lacking.ts";
import type { RestoreTarget } from "../../src/reconcilers/request.ts";
import { label } from "../domain/history.ts";
import { makeServer } from "./server.ts";
import { HOME, planOf } from "./world.ts";

const asking = (...paths: string[]): RestoreTarget => ({
  host: "ws" as HostName,
  folder: "/home/dev/back" as AbsolutePath,
  paths,
});

test("which paths a snapshot does not hold is told of each that stands on the server", (context) => {
  const server = makeServer(context);
  const put = (path: string) => {
    const file = server.path("restore/worktree_receive", path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "");
  };
  for (const path of ["dev@2026-01/src/a b", "dev@2026-02/src/it's", "dev@2026-02/-n", "dev@2026-02/other/x"])
    put(path);
  symlinkSync("other", server.path("restore/worktree_receive/dev@2026-02/link"));
  symlinkSync("/nowhere", server.path("restore/worktree_receive/dev@2026-02/dangling"));
  const paths = ["src/a b", "src/it's", "-n", "link", "dangling", "link/x", "$(id)", "src"];
  const fact = server.look(lackingProbe(server.spec, asking(...paths)));
  assert.deepEqual(
    fact,
    known(
      new Map([
        ["dev@2026-01", ["src/it's", "-n", "link", "dangling", "link/x", "$(id)"]],
        ["dev@2026-02", ["src/a b", "link/x", "$(id)"]],
      ]),
    ),
  );
});

test("where no path is asked for, and where nothing stands there, nothing is lacking", (context) => {
  const server = makeServer(context);
  for (const target of [null, asking(), asking("src")])
    assert.deepEqual(server.look(lackingProbe(server.spec, target)), known(new Map()));
});

const planned = (lacking: readonly string[], hydrated: boolean) =>
  planOf({
    rows: "2026-01 full 100, 2026-02 incr 10",
    target: "2026-02",
    restore: { label: label("2026-02"), to: asking("src/x", "docs") },
    change: {
      target: known({ kind: "absent", inode: "-", place: HOME, leftBeside: false }),
      lacking: known(new Map([["dev@2026-02", lacking]])),
      ...(!hydrated && { hydrated: absent }),
    },
  });

test("a plan tells of them before anything is carried", () => {
  const { problems } = planned(["src/x"], true);
  assert.deepEqual(
    problems.map(({ code, host, text, next }) => [code, host, text, next]),
    [
      [
        "no-such-path",
        "ls",
        "dev@2026-02 does not hold src/x, or a folder above it is a link",
        "name paths as they were at that label; on ls, sudo ls /srv/dev/restore/worktree_receive/dev@2026-02 shows what there is",
      ],
    ],
  );
  assert.deepEqual(planned([], true).problems, []);
});

test("what does not stand there yet can't be looked into", () => {
  const { problems, actions } = planned(["src/x"], false);
  assert.deepEqual(problems, []);
  assert.notEqual(actions.length, 0);
});
