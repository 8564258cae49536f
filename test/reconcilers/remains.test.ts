import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import { renderRow } from "../../src/domain/manifest.ts";
import { fileName } from "../../src/domain/names.ts";
import { artifact } from "../../src/reconcilers/artifact/artifact.ts";
import { readRemains, remainsProbe } from "../../src/reconcilers/artifact/remains.ts";
import { storeProbe, waitingRows } from "../../src/reconcilers/manifest/store.ts";
import { history, label } from "../domain/history.ts";
import { makeServer } from "./server.ts";

const rows = history("2026-01 full 4, 2026-02 incr 4, 2026-03 incr 4");
const [, waiting = assert.fail(), again = assert.fail()] = rows;
const GIVEN_UP = "dev@2026-04.incr.from_2026-03.send.zst.age";
const PROVEN = "dev@2026-05.full.send.zst.age";
const NOT_ITS_OWN = [
  "dev@2026-01.full.send.zst.age.damaged",
  "dev@2026-01.full.send.zst.age.fetched",
  "dev@2026-01.full.send.zst.age.upload",
  "dev2@2026-04.full.send.zst.age",
];

test("before an artifact is made, what others have left on their way goes; one that waits for the manifest stays", async (context) => {
  const server = makeServer(context);
  const write = (path: string, contents = "half") => {
    mkdirSync(dirname(server.path(path)), { recursive: true });
    writeFileSync(server.path(path), contents);
  };
  for (const row of [waiting, again]) {
    write(row.localPath);
    write(`tmp/${fileName(row.localPath)}.row`, `${renderRow(row)}\n`);
  }
  // what another run began under the name of one that is made already
  write(`tmp/${fileName(again.localPath)}`);
  for (const name of [GIVEN_UP, PROVEN, `${PROVEN}.row`, `${GIVEN_UP}.import`, ...NOT_ITS_OWN])
    write(`tmp/${name}`);
  write("tmp/set-aside/dev@2026-04.full.send.zst.age");
  const stay = [
    ...NOT_ITS_OWN,
    "set-aside",
    ...[waiting, again].map((row) => `${fileName(row.localPath)}.row`),
  ];
  const made = () => {
    const store = server.look(storeProbe(server.spec));
    return store.kind === "known" ? waitingRows(store.value, rows.slice(0, 1)) : assert.fail();
  };
  const remains = () =>
    server.look({
      host: server.spec.server,
      script: remainsProbe(server.spec),
      parse: (stdout) => known(readRemains(stdout)),
    });
  assert.deepEqual([made(), remains()], [[waiting, again], known(12)]);
  const input = {
    dataset: server.spec,
    label: label("2026-06"),
    parent: null,
    objectKey: null,
    after: null,
  };
  // nothing is to be sent here
  await assert.rejects(
    server.run(artifact, input, { progress: () => {}, signal: AbortSignal.abort(new Error("enough")) }),
    /enough/,
  );
  assert.deepEqual(readdirSync(server.path("tmp")).sort(), stay.sort());
  assert.deepEqual([made(), remains()], [[waiting, again], known(0)]);
  assert.deepEqual(readdirSync(server.path("tmp/set-aside")), ["dev@2026-04.full.send.zst.age"]);
});
