import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { test } from "node:test";
import { identityFiles, keyProbe } from "../../src/reconcilers/keys/key-files.ts";
import { keys } from "../../src/reconcilers/keys/keys.ts";
import { signKey } from "../../src/reconcilers/keys/sign-key.ts";
import { signKeyFiles, signKeyProbe } from "../../src/reconcilers/keys/signature.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { makeServer, type Server } from "./server.ts";

type How = "create" | "put-back" | "publish";
const KEYS = [
  {
    name: "the age identity",
    filesOf: identityFiles,
    look: (server: Server) => server.look(keyProbe(server.spec)),
    run: (server: Server, how: How, tools?: Partial<Tools>) =>
      server.run(keys, { how, dataset: server.spec }, tools),
  },
  {
    name: "the sign key",
    filesOf: signKeyFiles,
    look: (server: Server) => server.look(signKeyProbe(server.spec)),
    run: (server: Server, how: How, tools?: Partial<Tools>) =>
      server.run(signKey, { how, dataset: server.spec }, tools),
  },
];

for (const { name, filesOf, look, run } of KEYS) {
  const escrow = (text: string): Partial<Tools> => ({
    escrow: async () => ({ backupKeyFile: text, signKeyFile: text }),
  });
  const pairOf = (server: Server) => {
    const fact = look(server);
    return fact.kind === "known" ? fact.value : assert.fail();
  };

  test(`${name} is put back as it was, and what stood in its place stays beside it`, async (context) => {
    const server = makeServer(context);
    const { key, publicHalf } = filesOf(server.spec);
    await run(server, "create");
    const before = { pair: pairOf(server), text: readFileSync(key, "utf8") };
    assert.deepEqual(before.pair, { ...before.pair, rights: "400 0", published: before.pair.derived });
    assert.ok(before.pair.derived);
    rmSync(publicHalf);
    rmSync(key);
    writeFileSync(key, "cut off");
    await run(server, "put-back", escrow(before.text));
    assert.deepEqual(pairOf(server), before.pair);
    assert.equal(readFileSync(key, "utf8"), before.text);
    assert.equal(statSync(publicHalf).mode & 0o777, 0o444);
    const kept = readdirSync(dirname(key)).filter((file) => file.startsWith(`${basename(key)}.damaged-`));
    assert.deepEqual(
      kept.map((file) => readFileSync(`${dirname(key)}/${file}`, "utf8")),
      ["cut off"],
    );
  });

  test(`${name} is replaced by nothing that is no key`, async (context) => {
    const server = makeServer(context);
    await run(server, "create");
    const { key } = filesOf(server.spec);
    const text = readFileSync(key, "utf8");
    for (const other of ["", "cut off", text.slice(0, -20)])
      await assert.rejects(run(server, "put-back", escrow(other)), /could not be put back/);
    assert.equal(readFileSync(key, "utf8"), text);
  });

  test(`${name} keeps its public half where its program fails`, async (context) => {
    const server = makeServer(context);
    await run(server, "create");
    const { key, publicHalf } = filesOf(server.spec);
    const text = readFileSync(publicHalf, "utf8");
    rmSync(key);
    writeFileSync(key, "cut off");
    await assert.rejects(run(server, "publish"), /could not be made/);
    assert.equal(readFileSync(publicHalf, "utf8"), text);
  });
}
