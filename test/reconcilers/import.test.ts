import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type AbsolutePath, fileName, parentOf } from "../../src/domain/names.ts";
import { importActions, runImport, type Sorted, sortOut } from "../../src/reconcilers/manifest/import.ts";
import { storeProbe } from "../../src/reconcilers/manifest/store.ts";
import type { Reconciler, Tools } from "../../src/reconcilers/reconciler.ts";
import type { View } from "../../src/reconcilers/view.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { history } from "../domain/history.ts";
import { troubleOf } from "../transport/trouble.ts";
import { makeServer } from "./server.ts";

const CONTENT = "an artifact\n";
const SECRET = "root alone reads this\n";
const [first = assert.fail()] = history("2026-01 full 1");
const row = { ...first, sizeBytes: CONTENT.length, sha256: sha256Of(CONTENT) };

/** A repository that lacks an artifact, and a folder that has it; `before` stands before each script. */
function place(context: TestContext, before: (given: string, secret: string) => string = () => "") {
  const top = mkdtempSync("/tmp/import-");
  context.after(() => rmSync(top, { recursive: true }));
  const folder = join(top, "folder");
  mkdirSync(folder);
  const [given, secret] = [join(folder, fileName(row.localPath)) as AbsolutePath, join(top, "secret")];
  writeFileSync(given, CONTENT);
  writeFileSync(secret, SECRET, { mode: 0o600 });
  const server = makeServer(context).with({ before: `chown() { :; }\n${before(given, secret)}` });
  mkdirSync(dirname(server.path(row.localPath)), { recursive: true });
  const facts = { store: server.look(storeProbe(server.spec)) };
  const view = { spec: server.spec, facts, course: { rows: [row] } } as unknown as View;
  const tools: Partial<Tools> = { assertHeld: () => undefined };
  const look = async (at = parentOf(given)): Promise<Sorted> => {
    let found: Sorted | undefined;
    const looker = {
      run: async (_: unknown, using: Tools) => {
        found = await sortOut(view, at, using);
        return null;
      },
    };
    await server.run(looker as unknown as Reconciler<null>, null, tools);
    return found ?? assert.fail();
  };
  const sorted = {
    take: [
      { file: { path: given, ref: { ...row, dataset: server.spec.name }, sizeBytes: row.sizeBytes }, row },
    ],
    left: [],
    sharesBlocks: false,
  };
  const take = () => {
    const [{ input } = assert.fail()] = importActions(view, sorted);
    return server.run({ run: runImport } as Reconciler<typeof input>, input, tools);
  };
  return { server, top, look, take };
}

test("what is whole is found, also behind a link of root's, and taken in", async (context) => {
  const { server, top, look, take } = place(context);
  const link = join(top, "link") as AbsolutePath;
  symlinkSync(join(top, "folder"), link);
  assert.deepEqual(
    (await look(link)).take.map(({ file }) => file.path),
    [join(top, "folder", fileName(row.localPath))],
  );
  await take();
  assert.equal(readFileSync(server.path(row.localPath), "utf8"), CONTENT);
});

/** What a user puts where the file was, in the moment before it is opened. */
describe("root reads no other file than the one that was found, and waits for none", () => {
  for (const [name, put] of [
    ["a link", (given: string, secret: string) => `ln -sf '${secret}' '${given}'`],
    ["a FIFO", (given: string) => `rm '${given}'; mkfifo '${given}'`],
    ["a folder", (given: string) => `rm '${given}'; mkdir '${given}'; : >'${given}/in'`],
    ["a longer file", (given: string) => `head -c 999999 /dev/zero >>'${given}'`],
  ] as const) {
    const puts = (tool: string) => (given: string, secret: string) =>
      `${tool}() { ${put(given, secret)}; code=0; timeout 20 ${tool} "$@" || code=$?; [ "$code" != 124 ] || : >'${secret}.waited'; return "$code"; }`;

    test(`${name} comes instead, before it is hashed`, async (context) => {
      const { top, look } = place(context, puts("dd"));
      const { take, left } = await look();
      assert.deepEqual([take, left.length], [[], 1]);
      assert.ok(!left[0]?.why.includes(sha256Of(SECRET)), left[0]?.why);
      assert.ok(!readdirSync(top).includes("secret.waited"));
    });

    test(`${name} comes instead, before it is copied`, async (context) => {
      const { server, top, take } = place(context, puts("cp"));
      assert.ok(!JSON.stringify(await troubleOf(take())).includes(sha256Of(SECRET)));
      assert.ok(!readdirSync(top).includes("secret.waited"));
      assert.deepEqual(
        [readdirSync(server.path("tmp")), readdirSync(dirname(server.path(row.localPath)))],
        [[], []],
      );
    });
  }
});
