import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { renderManifest } from "../../src/domain/manifest.ts";
import type { AbsolutePath, HostName } from "../../src/domain/names.ts";
import type { Action } from "../../src/plan/plan.ts";
import { readArtifact } from "../../src/reconcilers/artifact/read-artifact.ts";
import { identityFile } from "../../src/reconcilers/keys/key-files.ts";
import { hydratedFolder, repositoryFolders } from "../../src/reconcilers/machine/folders.ts";
import { manifestFile } from "../../src/reconcilers/manifest/store.ts";
import { hydrate } from "../../src/reconcilers/receive/hydrate.ts";
import { marksOnServer, serverLock } from "../../src/reconcilers/receive/receive-script.ts";
import type { Tools } from "../../src/reconcilers/reconciler.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { localHost } from "../../src/transport/local-host.ts";
import { history } from "../domain/history.ts";
import { shell, smallDisk, whyNoDisk } from "../lab/small-disk.ts";
import { troubleOf } from "../transport/trouble.ts";
import { desired } from "./world.ts";

const [declared = assert.fail()] = desired().datasets;
const host = localHost({ name: "ls" as HostName, become: "none", env: process.env });

describe("an artifact with the streams of two snapshots", { skip: whyNoDisk() }, () => {
  after(() => host.close());

  /** A repository on Btrfs, where the one artifact holds `snapshots`. */
  function place(context: TestContext, ...snapshots: string[]) {
    const { path } = smallDisk(context);
    const spec = { ...declared, repository: join(path, "repository") as AbsolutePath };
    for (const folder of repositoryFolders(spec)) mkdirSync(folder.path, { recursive: true });
    const [row = assert.fail()] = history("2026-01 full 100");
    const file = join(spec.repository, row.localPath) as AbsolutePath;
    shell('age-keygen -o "$1" 2>/dev/null; chmod 600 "$1"', identityFile(spec));
    shell(
      `cd "$1"; key=$2 file=$3; shift 3; btrfs -q subvolume create s; echo x >s/file
       for s; do btrfs -q subvolume snapshot -r s "$s"; done
       for s; do btrfs -q send "$s"; btrfs -q subvolume delete "$s"; done | zstd -q -c | age -r "$(age-keygen -y "$key")" >"$file"`,
      ...[path, identityFile(spec), file, ...snapshots],
    );
    const content = readFileSync(file);
    const registered = { ...row, sha256: sha256Of(content), sizeBytes: content.length };
    shell('printf %s "$1" >"$2"', renderManifest([registered]), manifestFile(spec));
    const receive = () =>
      hydrate.run(
        {
          host: host.name,
          input: {
            identity: identityFile(spec),
            repository: spec.repository,
            manifest: manifestFile(spec),
            folder: hydratedFolder(spec.repository),
            name: "dev@2026-01",
            replace: false,
            marks: marksOnServer(spec),
            lock: serverLock(spec),
            artifact: { ...registered, path: file, damagedMark: join(spec.repository, "tmp/damaged") },
          },
        } as unknown as Action<never>,
        { host: () => host, signal: new AbortController().signal } as unknown as Tools,
      );
    const hydrated = () => readdirSync(hydratedFolder(spec.repository));
    const look = () => readArtifact(host, spec, file, new AbortController().signal);
    return { path, spec, file, receive, hydrated, look };
  }

  test("one is whole, and received", async (context) => {
    const { receive, hydrated, look } = place(context, "dev@2026-01");
    assert.equal((await look()).reading.kind, "whole");
    await receive();
    assert.deepEqual(hydrated(), ["dev@2026-01"]);
  });

  test("stock tools would make both: it is damaged to whoever reads it, and nothing is left of it where it is received", async (context) => {
    const { path, spec, file, receive, hydrated, look } = place(context, "dev@2026-01", "hidden");
    mkdirSync(join(path, "stock"));
    shell(
      'age -d -i "$1" "$2" | zstd -d | btrfs -q receive "$3"',
      ...[identityFile(spec), file, join(path, "stock")],
    );
    assert.deepEqual(readdirSync(join(path, "stock")).sort(), ["dev@2026-01", "hidden"]);

    const { reading } = await look();
    assert.deepEqual(reading, { kind: "damaged", why: "there is more behind its stream" });
    const { code, why } = await troubleOf(receive());
    assert.equal(code, "hydrate-failed");
    assert.match(why ?? "", /there is more behind its stream/);
    assert.deepEqual(hydrated(), []);
  });
});
