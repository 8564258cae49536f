import assert from "node:assert/strict";
import { chmod, chown, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { parseLabel } from "../../src/domain/label.ts";
import {
  type Fabricated,
  fabricate,
  type Machine,
  machine,
  manifestText,
  type Row,
  type Shell,
  whyNoShell,
} from "./fabricated.ts";
import { artifacts, exits, MANIFEST, NEWEST, pathsIn } from "./runs.ts";

for (const shell of ["dash", "busybox"] satisfies Shell[])
  describe(`the rescue kit's scripts under ${shell}`, { skip: whyNoShell(shell) }, () => {
    let made: Fabricated;
    before(async () => {
      made = await fabricate();
    });
    after(() => made?.remove());

    const from = () => ({ FROM: made.origin });
    /** With the keys in place. */
    const withKeys = async (): Promise<Machine> => {
      const fresh = await machine(made, shell, { signer: made.signer });
      await exits(0, fresh, "1-keys.sh", [made.identity], from());
      return fresh;
    };
    const pathsOf = (labels: readonly string[]): string[] => pathsIn(made, labels);
    /** Changes files of the origin while `run` goes on. */
    const forged = async (
      paths: readonly string[],
      forge: () => Promise<unknown>,
      run: () => Promise<unknown>,
    ) => {
      const kept = await Promise.all(paths.map((path) => readFile(join(made.origin, path))));
      try {
        await forge();
        await run();
      } finally {
        for (const [at, path] of paths.entries()) await writeFile(join(made.origin, path), kept[at] ?? "");
      }
    };
    const refusesManifest = async (forge: () => Promise<unknown>, said: RegExp) => {
      const fresh = await withKeys();
      await forged(MANIFEST, forge, async () => {
        assert.match(await exits(6, fresh, "2-fetch.sh", [], from()), said);
        assert.deepEqual(await artifacts(fresh), []);
      });
    };

    describe("the keys", () => {
      const keyFiles = ["backup.key", "backup.pub", "sign.key", "sign.pub"];
      const keysOf = (on: Machine) =>
        Promise.all(
          keyFiles.map(async (name) => {
            const path = join(on.repository, `keys/ls_dev_${name}`);
            return `${((await stat(path)).mode & 0o777).toString(8)} ${await readFile(path, "utf8")}`;
          }),
        );

      test("come out of the escrow byte for byte with their modes; a second run leaves them", async () => {
        const fresh = await machine(made, shell, { signer: made.signer });
        await exits(0, fresh, "1-keys.sh", [made.identity], from());
        const at = (name: string) => readFile(join(made.dir, name), "utf8");
        const { stdout: recipient } = await execa("age-keygen", ["-y", join(made.dir, "backup.key")]);
        assert.deepEqual(await keysOf(fresh), [
          `400 ${await at("backup.key")}`,
          `444 ${recipient}\n`,
          `400 ${await at("sign")}`,
          `444 ${await at("sign.pub")}`,
        ]);
        assert.equal((await stat(join(fresh.repository, "keys"))).mode & 0o777, 0o700);
        assert.match(await exits(0, fresh, "1-keys.sh", [made.identity], from()), /There already/);
        assert.deepEqual((await execa("ls", ["-A", join(fresh.repository, "keys")])).stdout.split("\n"), [
          "escrow.age",
          ...keyFiles.map((name) => `ls_dev_${name}`),
        ]);
      });

      test("never replace another key", async () => {
        const fresh = await withKeys();
        const path = join(fresh.repository, "keys/ls_dev_backup.key");
        await chmod(path, 0o600);
        await writeFile(path, "another\n");
        assert.match(await exits(1, fresh, "1-keys.sh", [made.identity], from()), /another key/);
        assert.equal(await readFile(path, "utf8"), "another\n");
      });

      test("another identity does not open it, and nothing is left", async () => {
        const fresh = await machine(made, shell, { signer: made.signer });
        await exits(6, fresh, "1-keys.sh", [join(made.dir, "backup.key")], from());
        assert.equal((await execa("ls", ["-A", join(fresh.repository, "keys")])).stdout, "");
      });

      test("an escrow that somebody else made is refused", async () => {
        const key = await made.newSignKey(`forger-${shell}`);
        const fresh = await machine(made, shell, { signer: made.signer });
        await forged(
          ["keys/escrow.age"],
          () => made.escrow(key),
          async () => {
            assert.match(
              await exits(6, fresh, "1-keys.sh", [made.identity], from()),
              /settings.sh names SHA256/,
            );
            assert.equal((await execa("ls", ["-A", join(fresh.repository, "keys")])).stdout, "");
          },
        );
      });

      test("where no signer is known, its fingerprint is shown, and has to be agreed to", async () => {
        const fresh = await machine(made, shell, { signer: null });
        const said = await exits(1, fresh, "1-keys.sh", [made.identity], from());
        assert.ok(said.includes(`TRUST=${made.fingerprint} `), said);
        await exits(0, fresh, "1-keys.sh", [made.identity], { ...from(), TRUST: made.fingerprint });
        assert.ok((await exits(0, fresh, "2-fetch.sh", [], from())).includes(made.fingerprint));
      });

      test("a passphrase is asked for on the terminal", async () => {
        const locked = join(made.dir, "locked");
        const typing = (text: string, command: string, cwd: string) =>
          execa("script", ["-qec", command, "/dev/null"], {
            input: Readable.from(slowly(text)),
            cwd,
            all: true,
          });
        await typing("secret\nsecret\n", `age -p -a -o ${locked} ${made.identity}`, made.dir);
        const fresh = await machine(made, shell, { signer: made.signer });
        const sh = shell === "dash" ? "dash" : "busybox sh";
        await typing("secret\n", `FROM=${made.origin} ${sh} 1-keys.sh ${locked}`, fresh.kit);
        await stat(join(fresh.repository, "keys/ls_dev_backup.key"));
      });
    });

    describe("fetching from a folder", () => {
      test("brings the newest label's chain, never more; a second run brings nothing", async () => {
        const fresh = await withKeys();
        assert.match(await exits(0, fresh, "2-fetch.sh", [], from()), /2026-05 is made of 3 artifacts/);
        assert.deepEqual(await artifacts(fresh), pathsOf(NEWEST));
        for (const row of made.rows.slice(2)) {
          assert.deepEqual(await readFile(join(fresh.repository, row.path)), row.bytes);
          assert.equal((await stat(join(fresh.repository, row.path))).mode & 0o777, 0o440);
        }
        assert.equal(
          await readFile(join(fresh.repository, "manifests/snapshots_v2.tsv"), "utf8"),
          manifestText(made.rows),
        );
        assert.doesNotMatch(await exits(0, fresh, "2-fetch.sh", [], from()), /Fetching artifacts/);
        assert.match(await exits(0, fresh, "verify.sh"), /All that 2026-05 is made of is there and good/);
      });

      test("brings an older label's chain where that is asked for", async () => {
        const fresh = await withKeys();
        await exits(0, fresh, "2-fetch.sh", ["2026-02"], from());
        assert.deepEqual(await artifacts(fresh), pathsOf(["2026-01", "2026-02"]));
        assert.match(await exits(6, fresh, "2-fetch.sh", ["2026-09"], from()), /no label 2026-09/);
        assert.match(await exits(1, fresh, "2-fetch.sh", ["../x"], from()), /looks like YYYY-MM/);
      });

      test("what another run left half is taken for nothing", async () => {
        const fresh = await withKeys();
        const [row] = made.rows.slice(2);
        const part = join(fresh.repository, `tmp/${row?.path.split("/").at(-1)}.rescue`);
        await writeFile(part, "half");
        await exits(0, fresh, "2-fetch.sh", [], from());
        assert.deepEqual(await artifacts(fresh), pathsOf(NEWEST));
      });

      test("never replaces a manifest that is there", async () => {
        const fresh = await withKeys();
        const path = join(fresh.repository, "manifests/snapshots_v2.tsv");
        await writeFile(path, "another\n");
        assert.match(await exits(1, fresh, "2-fetch.sh", [], from()), /is another one/);
        assert.equal(await readFile(path, "utf8"), "another\n");
      });
    });

    describe("what is not authentic is refused", () => {
      const [FIRST, SECOND] = [2, 3];
      const pathOf = (at: number) => made.rows[at]?.path ?? "";
      const changed = (row: Row): Row => ({ ...row, bytes: Buffer.from(row.bytes).fill(0, 0, 1) });
      const bytesAt = (at: number) => Buffer.from(made.rows[at]?.bytes ?? "").fill(0x7f, 1000, 1010);

      test("an artifact of the right size with other bytes: fetched, it is not kept; in place, it is found", async () => {
        const fresh = await withKeys();
        const path = pathOf(SECOND);
        await forged(
          [path],
          () => writeFile(join(made.origin, path), bytesAt(SECOND)),
          async () => {
            assert.match(await exits(6, fresh, "2-fetch.sh", [], from()), /damaged or forged/);
            assert.deepEqual(await artifacts(fresh), pathsOf(["2026-03"]));
            assert.equal((await execa("ls", ["-A", join(fresh.repository, "tmp")])).stdout, "");
          },
        );
        await exits(0, fresh, "2-fetch.sh", [], from());
        await rm(join(fresh.repository, path));
        await writeFile(join(fresh.repository, path), bytesAt(SECOND));
        assert.match(await exits(6, fresh, "verify.sh"), new RegExp(`DAMAGED +${path}`));
        assert.match(await exits(6, fresh, "2-fetch.sh", [], from()), /move it away/);
      });

      test("a hole in the chain", async () => {
        const fresh = await withKeys();
        const path = pathOf(FIRST);
        await forged(
          [path],
          () => rm(join(made.origin, path)),
          async () => {
            assert.match(await exits(6, fresh, "2-fetch.sh", [], from()), /the chain of 2026-05 has a hole/);
          },
        );
        await exits(0, fresh, "2-fetch.sh", [], from());
        await rm(join(fresh.repository, path));
        assert.match(await exits(6, fresh, "verify.sh"), new RegExp(`MISSING +${path}`));
      });

      test("a manifest that somebody else encrypted, under the signature of the true one", () =>
        refusesManifest(async () => {
          const signatures = await readFile(join(made.origin, MANIFEST[1] ?? ""));
          await made.publish(manifestText(made.rows.map(changed)));
          await writeFile(join(made.origin, MANIFEST[1] ?? ""), signatures);
        }, /signature of the manifest is wrong/));

      test("a manifest that another key signed", () =>
        refusesManifest(
          async () => made.publish(manifestText(made.rows), { key: await made.newSignKey(`other-${shell}`) }),
          /another key signed it/,
        ));

      test("what the right key signed for another purpose, or with another hash", async () => {
        for (const options of [
          ["-n", "file"],
          ["-O", "hashalg=sha256"],
        ])
          await refusesManifest(
            () => made.publish(manifestText(made.rows), { options }),
            /signature of the manifest/,
          );
      });

      test("no signature, and one that is none", async () => {
        const signature = join(made.origin, MANIFEST[1] ?? "");
        await refusesManifest(() => rm(signature), /no signature/);
        await refusesManifest(() => writeFile(signature, "-----BEGIN SSH SIGNATURE-----\nAAAA\n"), /wrong/);
        await refusesManifest(() => writeFile(signature, ""), /wrong/);
      });

      test("rows that lead elsewhere, however well they are signed", async () => {
        const text = manifestText(made.rows);
        for (const [found, put] of [
          ["artifacts/anchors/dev@2026-03", "artifacts/../../dev@2026-03"],
          ["\tincr\t2026-04\t", "\tincr\t2026-07\t"],
          ["\t2026-05\t", "\t2026-04\t"],
          ["ts\tlabel", "label\tts"],
        ] as const)
          await refusesManifest(() => made.publish(text.replace(found, put)), /line \d of the manifest/);
      });

      test("a manifest from before the kit was made, unless a label of it is named", async () => {
        const old = await machine(made, shell, {
          signer: made.signer,
          newest: parseLabel("2026-06") ?? assert.fail(),
        });
        await exits(0, old, "1-keys.sh", [made.identity], from());
        assert.match(
          await exits(6, old, "2-fetch.sh", [], from()),
          /2026-06 was there when this kit was made/,
        );
        await exits(0, old, "2-fetch.sh", ["2026-05"], from());
      });

      test("the true one passes, also where its block stands second", async () => {
        const signature = join(made.origin, MANIFEST[1] ?? "");
        const fresh = await withKeys();
        await forged(
          MANIFEST,
          async () => {
            const [first = "", second = ""] = (await readFile(signature, "utf8")).split(
              /(?<=END SSH SIGNATURE-----\n)/,
            );
            await writeFile(signature, second + first);
          },
          () => exits(0, fresh, "2-fetch.sh", [], from()),
        );
        const allowed = join(fresh.kit, "allowed");
        await writeFile(allowed, `devbackup namespaces="devbackup-manifest" ${made.signer}\n`);
        const kept = join(fresh.repository, "manifests/snapshots_v2.tsv");
        const verify = ["-Y", "verify", "-I", "devbackup", "-n", "devbackup-manifest", "-f", allowed];
        await execa("ssh-keygen", [...verify, "-s", `${kept}.sig`], { inputFile: kept });
      });
    });

    describe("receiving", {
      skip: process.getuid?.() !== 0 && "it gives a folder away, which takes root",
    }, () => {
      test("not into a folder that others can change, and through no link that lies there", async () => {
        const fresh = await machine(made, shell, { signer: made.signer });
        const folder = join(fresh.kit, "../it's theirs");
        const [mark, victim] = [join(folder, ".dev@2026-01.receiving"), join(fresh.kit, "victim")];
        await mkdir(folder, { mode: 0o755 });
        await writeFile(victim, "precious\n");
        await symlink(victim, mark);
        await symlink(fresh.kit, join(folder, "dev@2026-02"));
        await writeFile(join(fresh.kit, "try.sh"), '. "$(dirname "$0")/common.sh"\nreceive "$@"\n');
        const receive = (name: string) => exits(1, fresh, "try.sh", [folder, name, mark, "true"]);
        await chown(folder, 65534, 65534);
        assert.match(await receive("dev@2026-01"), /can be changed by others than root/);
        await chown(folder, 0, 0);
        assert.match(await receive("dev@2026-02"), /there, not whole, and not from this kit/);
        assert.match(await receive("dev@2026-01"), /could not be received/);
        assert.equal(await readFile(victim, "utf8"), "precious\n");
      });
    });
  });

/** Typed like a person would: a program that asks empties its terminal's input first. */
async function* slowly(text: string): AsyncGenerator<string> {
  for (const line of text.split(/(?<=\n)/)) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    yield line;
  }
}
