import type { CloudSpec } from "../../desired-state/desired-state.ts";
import type { HostName } from "../../domain/names.ts";
import { AGAIN, DevbackupError, type Trouble } from "../../domain/trouble.ts";
import { type Failure, type Verdict, verdictOf, withoutQueries } from "./failure.ts";

/** What was being done when it failed. */
export interface Attempted {
  /** As in "cannot …": `list the objects`. */
  readonly doing: string;
  /** Where the request came from; left out for the controller. */
  readonly host?: HostName;
}

type Store = Pick<CloudSpec, "endpoint" | "bucket" | "region">;

/** A failed request as an error for people. Says nothing that is secret: no key, no signature, no query. */
export function bucketError(failure: Failure, store: Store, { doing, host }: Attempted): DevbackupError {
  const verdict = verdictOf(failure);
  const where = `bucket ${store.bucket} at ${new URL(store.endpoint).host}`;
  return new DevbackupError({
    exitCode: 1,
    ...(host === undefined ? {} : { host }),
    what: `${where}: cannot ${doing}`,
    why: whyOf(failure),
    state: "what was stored before stands; it is safe to run again",
    ...saidOf(verdict, failure, store),
  });
}

function whyOf(failure: Failure): string {
  if (failure.kind !== "refused") return withoutQueries(failure.message).slice(0, 500);
  const { status, code, message, retryAfterMs } = failure;
  const said = [code, message].filter((text) => text !== "").join(": ");
  const asked = retryAfterMs === undefined ? "" : `; it asks to wait ${Math.ceil(retryAfterMs / 1000)} s`;
  return withoutQueries(`HTTP ${status} ${said}`.trim()).slice(0, 500) + asked;
}

const TOKEN =
  'an R2 API token needs "Object Read & Write" for this bucket (R2 dashboard, Manage API tokens); a new one takes up to a minute to work';

function saidOf(verdict: Verdict, failure: Failure, store: Store): Pick<Trouble, "code"> & Partial<Trouble> {
  switch (verdict) {
    case "credentials":
      return {
        code: "cloud-credentials",
        next: `check cloud.access_key_id and cloud.secret_access_key; ${TOKEN}`,
      };
    case "forbidden":
      return {
        code: "cloud-credentials",
        next: `the access key is known but may not do this, or not in this bucket; ${TOKEN}`,
      };
    case "bucket-missing":
      return {
        code: "bucket-missing",
        next: `create it in the R2 dashboard or with: wrangler r2 bucket create ${store.bucket}; or check cloud.bucket, cloud.account_id and cloud.jurisdiction`,
      };
    case "locked":
      return {
        code: "cloud-locked",
        state: "what stands there stays as it is, and can't be replaced or deleted before its lock ends",
        next:
          "see which keys the bucket's locks are for (R2: npx wrangler r2 bucket lock list " +
          store.bucket +
          "). Only those below NAME/artifacts/ may be: manifest, signature and escrow are replaced with every label",
      };
    case "clock":
      return {
        code: "clock-skew",
        next: "set the clock of the machine that runs devbackup, for example: timedatectl set-ntp true",
      };
    case "expired":
      return {
        code: "clock-skew",
        next: "a request signed a moment ago counts as expired: check the clock of the machine that runs devbackup",
      };
    case "region":
      return {
        code: "cloud-region",
        next: `cloud.region is ${store.region}; set it, and cloud.endpoint, to those that the store expects`,
      };
    case "unsupported":
      return {
        code: "cloud-unsupported",
        next: "the store lacks a part of the S3 interface: check cloud.endpoint",
      };
    case "strange":
      return {
        code: "cloud-strange",
        next: `something else than the store may have answered (a captive portal, a proxy), or cloud.endpoint lacks a path; see for yourself: curl -i ${store.endpoint}`,
      };
    case "upload-gone":
      return {
        code: "cloud-upload-gone",
        state:
          "the unfinished upload is gone from the store, or cannot be completed; the next run begins it anew",
        next: AGAIN,
      };
    case "again":
    case "unreached":
      return failure.kind === "unreached"
        ? { code: "cloud-unreachable", next: nextWhereUnreached(failure.reason, store) }
        : { code: "cloud-unavailable", next: `${AGAIN}, later` };
    case "refused":
      return { code: "cloud-refused", next: "check cloud.endpoint and cloud.bucket" };
  }
}

function nextWhereUnreached(reason: (Failure & { kind: "unreached" })["reason"], store: Store): string {
  const { host, hostname } = new URL(store.endpoint);
  switch (reason) {
    case "name":
      return `the name cannot be resolved: check cloud.endpoint or cloud.account_id, and DNS with: getent hosts ${hostname}`;
    case "connect":
      return `nothing answers at ${host}: check cloud.endpoint, the network and any firewall`;
    case "tls":
      return `the certificate of ${host} is not trusted: check cloud.endpoint, the clock, and the package ca-certificates`;
    case "broken":
    case "other":
      return `check the network, then: ${AGAIN}`;
  }
}
