import type { CloudSpec } from "./desired-state.ts";
import { parseEndpoint, r2Endpoint } from "./endpoint.ts";
import type { Report } from "./report.ts";
import { secretRef } from "./secret-ref.ts";
import { parseRate, parseSize } from "./size.ts";
import type { WrittenCloud } from "./written.ts";

const MIB = 1024 ** 2;
/** R2: all parts but the last are 5 MiB to 4.995 GiB (platform/limits, objects/multipart-objects). */
const SMALLEST_PART = 5 * MIB;
const LARGEST_PART = Math.floor(4.995 * 1024 * MIB);

/** Undefined where there is no cloud, or where it is not whole. */
export function resolveCloud(
  written: WrittenCloud | undefined,
  home: string,
  report: Report,
): CloudSpec | undefined {
  if (written === undefined) return undefined;
  const endpoint = resolveEndpoint(written, report);
  const partSizeBytes = resolvePartSize(written.part_size ?? "64 MiB", report);
  const bandwidthLimitBytesPerSecond = resolveBandwidth(written.bandwidth_limit ?? null, report);
  const accessKeyId = secretRef(written.access_key_id, home);
  const secretAccessKey = secretRef(written.secret_access_key, home);
  if (!endpoint || !written.bucket || !accessKeyId || !secretAccessKey || !partSizeBytes) return undefined;
  const prefix = (written.prefix ?? "").replace(/^\/|\/$/g, "");
  return {
    endpoint,
    bucket: written.bucket,
    prefix: prefix === "" ? "" : `${prefix}/`,
    region: written.region ?? "auto",
    accessKeyId,
    secretAccessKey,
    partSizeBytes,
    concurrency: written.concurrency ?? 4,
    bandwidthLimitBytesPerSecond,
    lockDays: written.lock_days ?? null,
  };
}

function resolveEndpoint(written: WrittenCloud, report: Report): string | undefined {
  const [hasAccount, hasEndpoint] = [
    Object.hasOwn(written, "account_id"),
    Object.hasOwn(written, "endpoint"),
  ];
  if (hasAccount && hasEndpoint) {
    return report(
      ["cloud", "endpoint"],
      "`cloud` has both `account_id` and `endpoint`",
      "account_id for R2, or endpoint for any other store",
    );
  }
  if (!hasAccount && !hasEndpoint) {
    return report(
      ["cloud", "account_id"],
      "`cloud` has neither `account_id` nor `endpoint`",
      "account_id for R2, or endpoint for any other store",
    );
  }
  if (written.account_id !== undefined)
    return r2Endpoint(written.account_id, written.jurisdiction ?? "default");
  if (hasEndpoint && written.jurisdiction !== undefined) {
    report(
      ["cloud", "jurisdiction"],
      "`cloud.jurisdiction` is R2's, but a store is named by its endpoint",
      "account_id in place of endpoint, or no jurisdiction",
    );
  }
  if (written.endpoint === undefined) return undefined;
  const parsed = parseEndpoint(written.endpoint);
  return parsed.kind === "endpoint"
    ? parsed.url
    : report(["cloud", "endpoint"], `\`cloud.endpoint\` ${parsed.wrong}`, parsed.right);
}

function resolvePartSize(text: string, report: Report): number | undefined {
  const bytes = parseSize(text) ?? 0;
  return bytes >= SMALLEST_PART && bytes <= LARGEST_PART
    ? bytes
    : report(
        ["cloud", "part_size"],
        `\`cloud.part_size\` is ${text}`,
        "5 MiB to 4.995 GiB, for example `part_size: 64 MiB`",
      );
}

function resolveBandwidth(text: string | null, report: Report): number | null {
  if (text === null) return null;
  const rate = parseRate(text) ?? 0;
  if (rate > 0) return rate;
  report(
    ["cloud", "bandwidth_limit"],
    `\`cloud.bandwidth_limit\` is ${text}`,
    "at least 1 B/s, or null for no limit",
  );
  return null;
}
