import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import { parseSha256 } from "../../domain/names.ts";
import { archived } from "../../transport/bucket/archive.ts";
import type { Bucket } from "../../transport/bucket/bucket.ts";
import type { Host } from "../../transport/host.ts";
import { markObject, objectMarkFile } from "./record.ts";
import type { Thing } from "./things.ts";

/** `unnoted`: the store tells nothing of what it is, and only a download would; `archived`: nor would that, now. */
export type ObjectCheck =
  | { readonly kind: "ok" }
  | { readonly kind: "damaged" | "missing" | "unnoted" | "archived"; readonly why: string };

/** By the SHA-256 note that it was stored with; one that says another leaves a mark on the server. */
export async function checkNote(
  host: Host,
  bucket: Bucket,
  spec: DatasetSpec,
  { row, object }: Thing,
): Promise<ObjectCheck> {
  if (object === null) throw new RangeError("it is no object");
  const found = await bucket.head(object.key);
  if (found === undefined) return GONE;
  if (found.archive !== undefined) return { kind: "archived", why: `it ${archived(found.archive)}` };
  if (found.sha256 === undefined)
    return { kind: "unnoted", why: "it was stored without a SHA-256: devbackup verify --cloud reads it" };
  if (found.sha256 === row.sha256 && found.sizeBytes === row.sizeBytes) return OK;
  await markObject(host, objectMarkFile(spec, row), object, {
    by: "note",
    found: parseSha256(found.sha256) ?? "none",
  });
  return { kind: "damaged", why: `it is noted as SHA-256 ${found.sha256}, not ${row.sha256}` };
}

/** By all of its bytes, which the server's curl gets and hashes; damage leaves a mark on the server. */
export async function checkBytes(
  host: Host,
  bucket: Bucket,
  spec: DatasetSpec,
  { row, object }: Thing,
  signal: AbortSignal,
): Promise<ObjectCheck> {
  if (object === null) throw new RangeError("it is no object");
  const hashed = await bucket.hash(host, { key: object.key, signal });
  if (hashed.kind === "missing") return GONE;
  if (hashed.kind === "archived") return { kind: "archived", why: `it ${archived(hashed.archive)}` };
  if (hashed.kind === "changed") return { kind: "unnoted", why: `it was replaced meanwhile: ${hashed.why}` };
  if (hashed.sha256 === row.sha256) return OK;
  await markObject(host, objectMarkFile(spec, row), object, { by: "sha256", found: hashed.sha256 });
  return { kind: "damaged", why: `sha256 ${hashed.sha256}, expected ${row.sha256}` };
}

const OK: ObjectCheck = { kind: "ok" };
const GONE: ObjectCheck = { kind: "missing", why: "it went while it was looked at" };
