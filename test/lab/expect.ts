import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { DevbackupOptions, Lab } from "./lab.ts";

/** Runs the program and gives its stdout. @throws AssertionError with all that it said where it ends otherwise */
export async function expectExit(
  lab: Lab,
  exitCode: number,
  args: readonly string[],
  options?: DevbackupOptions,
): Promise<string> {
  const result = await lab.devbackup(args, options);
  const said = `devbackup ${args.join(" ")}\n${result.stdout}${result.stderr}`;
  assert.equal(result.exitCode, exitCode, said);
  return result.stdout;
}

/** What the tests read of a plan. */
export interface PlannedAction {
  readonly id: string;
  readonly host: string;
  readonly dataset: string | null;
  readonly label: string | null;
  readonly kind: string;
  readonly summary: string;
  readonly reason: string;
  readonly hazard: string;
}

export interface Planned {
  readonly actions: readonly PlannedAction[];
  readonly problems: readonly { readonly code: string; readonly text: string }[];
}

/** The plan as the program publishes it, whatever its exit code. */
export async function planned(lab: Lab, args: readonly string[]): Promise<Planned> {
  const { stdout, stderr } = await lab.devbackup(["plan", "--json", ...args]);
  assert.match(stdout, /^\{/, stderr);
  return JSON.parse(stdout);
}

/** The plan's only action about that, by id. */
export function actionIn(plan: Planned, id: string): PlannedAction {
  const found = plan.actions.find((action) => action.id === id);
  assert.ok(found, `${id} is not among ${plan.actions.map((action) => action.id).join(", ")}`);
  return found;
}

/** A row of the manifest, read without the program's own reader. */
export interface Row {
  readonly ts: string;
  readonly label: string;
  readonly type: string;
  readonly parent: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly localPath: string;
  readonly objectKey: string;
}

export function parseRows(text: string): Row[] {
  const [header, ...lines] = text.split("\n");
  assert.equal(header, "ts\tlabel\ttype\tparent\tbytes\tsha256\tlocal_path\tobject_key");
  assert.equal(lines.pop(), "", "the manifest's last line has no end");
  return lines.map((line) => {
    const fields = line.split("\t");
    assert.equal(fields.length, 8, line);
    const [ts = "", label = "", type = "", parent = "", bytes, sha256 = "", localPath = "", objectKey = ""] =
      fields;
    return { ts, label, type, parent, bytes: Number(bytes), sha256, localPath, objectKey };
  });
}

/** The manifest of a dataset, as it stands on the server. */
export const manifestOf = async (lab: Lab, dataset = "dev"): Promise<Row[]> =>
  parseRows(await lab.must("ls", `cat /srv/btrfs-backups/${dataset}/manifests/snapshots_v2.tsv`));

/** The bytes of an object, fetched from the bucket. */
export async function download(lab: Lab, key: string): Promise<Uint8Array> {
  const { GetObjectCommand } = await import("@aws-sdk/client-s3");
  const client = await lab.bucket.client();
  const { Body } = await client.send(new GetObjectCommand({ Bucket: lab.bucket.bucket, Key: key }));
  assert.ok(Body, key);
  return Body.transformToByteArray();
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
