import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { CloudSpec } from "../../src/desired-state/desired-state.ts";
import { type S3Server, startR2 } from "../lab/s3/servers.ts";
import {
  type Fabricated,
  fabricate,
  machine,
  manifestText,
  type Shell,
  send,
  whyNoShell,
} from "./fabricated.ts";
import { artifacts, exits, MANIFEST, NEWEST, pathsIn } from "./runs.ts";

for (const shell of ["dash", "busybox"] satisfies Shell[])
  describe(`the rescue kit's scripts fetch from the bucket, under ${shell}`, {
    skip: whyNoShell(shell),
  }, () => {
    let made: Fabricated;
    let server: S3Server;
    let cloud: CloudSpec;
    let login: Record<string, string>;
    before(async () => {
      made = await fabricate();
      server = await startR2();
      const { endpoint, bucket, region, accessKeyId, secretAccessKey } = server;
      const unused = { kind: "env", name: "UNUSED" } as const;
      cloud = {
        endpoint,
        bucket,
        region,
        prefix: "a=b/c/",
        accessKeyId: unused,
        secretAccessKey: unused,
        partSizeBytes: 5,
        concurrency: 1,
        bandwidthLimitBytesPerSecond: null,
        lockDays: null,
      };
      login = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
      await send(made, server, cloud.prefix, ["keys/escrow.age", ...MANIFEST, ...pathsIn(made, NEWEST)]);
    });
    after(async () => {
      await server?.stop();
      await made?.remove();
    });
    const inCloud = () => machine(made, shell, { signer: made.signer, cloud });

    test("brings the same, and the secret is in no command's arguments", async () => {
      const fresh = await inCloud();
      await exits(0, fresh, "1-keys.sh", [made.identity], login);
      await exits(0, fresh, "2-fetch.sh", [], login);
      assert.deepEqual(await artifacts(fresh), pathsIn(made, NEWEST));
      const argv = await fresh.curlArgv();
      assert.match(argv, /a%3Db\/c\/dev\/artifacts/);
      assert.ok(!argv.includes(server.secretAccessKey) && !argv.includes(server.accessKeyId), argv);
      const sha256 = createHash("sha256").update(manifestText(made.rows)).digest("hex");
      assert.equal(await readFile(join(fresh.repository, "manifests/pushed"), "utf8"), `${sha256} 0 -\n`);
      assert.match(
        await readFile(join(fresh.repository, "keys/escrow.pushed"), "utf8"),
        /^[0-9a-f]{64} 0 -\n$/,
      );
    });

    test("goes on where it was cut off", async () => {
      const fresh = await inCloud();
      await exits(0, fresh, "1-keys.sh", [made.identity], login);
      const row = made.rows.at(-1);
      const part = join(fresh.repository, `tmp/${row?.path.split("/").at(-1)}.rescue`);
      const half = row?.bytes.subarray(0, 100_000) ?? Buffer.alloc(0);
      // a wrong byte among those that are there shows that these were not fetched again
      await writeFile(part, Buffer.from(half).fill(half[0] === 0 ? 1 : 0, 0, 1));
      assert.match(await exits(6, fresh, "2-fetch.sh", [], login), /damaged or forged/);
      await writeFile(part, half);
      await exits(0, fresh, "2-fetch.sh", [], login);
      assert.deepEqual(await artifacts(fresh), pathsIn(made, NEWEST));
    });

    test("takes the login from a file that nobody else can read", async () => {
      const fresh = await inCloud();
      const file = join(fresh.kit, "login");
      await writeFile(file, `${server.accessKeyId}\n${server.secretAccessKey}\n`, { mode: 0o644 });
      assert.match(await exits(1, fresh, "1-keys.sh", [made.identity], { CREDENTIALS: file }), /chmod 600/);
      await chmod(file, 0o600);
      await exits(0, fresh, "1-keys.sh", [made.identity], { CREDENTIALS: file });
    });

    test("a wrong secret, no login and a hole are told apart", async () => {
      const fresh = await inCloud();
      await exits(0, fresh, "1-keys.sh", [made.identity], login);
      const wrong = { ...login, AWS_SECRET_ACCESS_KEY: "wrong" };
      assert.match(await exits(1, fresh, "2-fetch.sh", [], wrong), /refuses this access key/);
      assert.match(await exits(1, fresh, "2-fetch.sh"), /access key is not given/);
      assert.match(
        await exits(6, fresh, "2-fetch.sh", ["2026-02"], login),
        /the chain of 2026-02 has a hole/,
      );
    });
  });
