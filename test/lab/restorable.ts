import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { armor, Decrypter } from "age-encryption";
import { execa } from "execa";
import { download, expectExit } from "./expect.ts";
import { type Changes, type DevbackupOptions, type Lab, startLab } from "./lab.ts";
import { PASSPHRASE } from "./secrets.ts";

export const SOURCE = "/home/dev/code";
export const REPOSITORY = "/srv/btrfs-backups/dev";
export const ESCROW = "dev/keys/escrow.age";
export const MANIFEST = "dev/manifests/snapshots_v2.tsv.age";
export const SIGNATURE = "dev/manifests/snapshots_v2.tsv.sig";

/** By key; null for an object that is not there. */
export type Objects = Readonly<Record<string, Uint8Array | null>>;

/** A lab with the backups of 2090-01 to 2090-03, a recovery identity, and a bucket to be tampered with. */
export interface Restorable {
  readonly lab: Lab;
  /** Declares the recovery recipient, and what else is given under `encryption`. */
  readonly config: (encryption?: Changes) => Promise<string[]>;
  /** Opens without a passphrase; `recovery.age` beside it with the one in `passphrase`. */
  readonly identity: readonly string[];
  readonly recoveryRecipient: string;
  readonly backupRecipient: string;
  readonly signer: string;
  /** A controller that has seen the signer and the newest label, and has no copy of the escrow; one that has seen nothing. */
  readonly knowing: DevbackupOptions;
  readonly fresh: DevbackupOptions;
  /** What must stand nowhere, by its name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The object as it was after three months, or after two. */
  readonly whole: (key: string) => Buffer;
  readonly older: (key: string) => Buffer;
  /** Has these in the bucket for as long as `doing` takes. */
  readonly instead: <Value>(objects: Objects, doing: () => Promise<Value>) => Promise<Value>;
}

export async function startRestorable(): Promise<Restorable> {
  const lab = await startLab({ store: "swift" });
  const file = (name: string) => join(lab.dir, name);
  await writeFile(file("passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });
  const made = await expectExit(lab, 0, [
    ...["keys", "new-recovery", "--json", "--out", "recovery.age", "--passphrase-file", "passphrase"],
  ]);
  const { recipient } = JSON.parse(made) as { recipient: string };
  // opened once, here: scrypt takes a second of every run
  const decrypter = new Decrypter();
  decrypter.addPassphrase(PASSPHRASE);
  const plain = await decrypter.decrypt(armor.decode(await readFile(file("recovery.age"), "utf8")), "text");
  await writeFile(file("plain"), plain, { mode: 0o600 });
  const config = async (encryption: Changes = {}) => [
    "--config",
    await lab.desiredState({
      encryption: { recovery_recipients: [recipient], ...encryption },
      datasets: { dev: { anchor: { max_age_months: 12, max_incremental_ratio: 100 } } },
    }),
  ];

  const client = await lab.bucket.client();
  const put = (key: string, bytes: Uint8Array | null): Promise<unknown> => {
    const at = { Bucket: lab.bucket.bucket, Key: key };
    return bytes === null
      ? client.send(new DeleteObjectCommand(at))
      : client.send(new PutObjectCommand({ ...at, Body: bytes }));
  };
  const objects = async () => {
    const keys = (await lab.bucket.list()).map(({ key }) => key);
    return new Map(
      await Promise.all(keys.map(async (key) => [key, Buffer.from(await download(lab, key))] as const)),
    );
  };

  await lab.must("ws", `btrfs -q subvolume create ${SOURCE}; head -c 20000 /dev/urandom >${SOURCE}/first`);
  const months: Map<string, Buffer>[] = [];
  const declared = await config();
  for (const label of ["2090-01", "2090-02", "2090-03"]) {
    await lab.must("ws", `cd ${SOURCE}; echo ${label} >${label}; chown -R dev: .`);
    await expectExit(lab, 0, ["apply", "--yes", "--label", label, ...declared]);
    months.push(await objects());
  }
  const after = (month: number) => (key: string) =>
    Buffer.from(months[month - 1]?.get(key) ?? assert.fail(key));
  const key = async (script: string) => (await lab.must("ls", `cd ${REPOSITORY}/keys; ${script}`)).trim();
  await cp(file("state"), file("knowing"), { recursive: true });
  await execa("find", [file("knowing"), "-name", "escrow*", "-delete"]);
  return {
    lab,
    config,
    identity: ["--identity", "plain"],
    recoveryRecipient: recipient,
    backupRecipient: await key("cat ls_dev_backup.pub"),
    signer: await key("cut -d' ' -f1,2 ls_dev_sign.pub"),
    knowing: { env: { XDG_STATE_HOME: file("knowing") } },
    fresh: { env: { XDG_STATE_HOME: file("fresh") } },
    secrets: {
      "the recovery identity": /AGE-SECRET-KEY-\S+/.exec(plain)?.[0] ?? assert.fail(),
      "the passphrase": PASSPHRASE,
      "the backup identity": await key("tail -n 1 ls_dev_backup.key"),
      "the sign key": await key("sed -n 5p ls_dev_sign.key"),
      "a presigned address": "X-Amz-Signature",
    },
    whole: after(3),
    older: after(2),
    instead: async (changes, doing) => {
      for (const [at, bytes] of Object.entries(changes)) await put(at, bytes);
      try {
        return await doing();
      } finally {
        for (const at of Object.keys(changes)) await put(at, months[2]?.get(at) ?? null);
      }
    },
  };
}
