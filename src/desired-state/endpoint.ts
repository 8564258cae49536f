import { BlockList, isIP } from "node:net";

/** A store's URL, or why it is none, with what would be right. */
export type Endpoint =
  | { readonly kind: "endpoint"; readonly url: string }
  | { readonly kind: "refused"; readonly wrong: string; readonly right: string };

/** Loopback, RFC 1918, RFC 4193 and link-local IPv6: where plain HTTP stays among one's own machines. */
const PRIVATE = new BlockList();
PRIVATE.addSubnet("127.0.0.0", 8);
PRIVATE.addSubnet("10.0.0.0", 8);
PRIVATE.addSubnet("172.16.0.0", 12);
PRIVATE.addSubnet("192.168.0.0", 16);
PRIVATE.addAddress("::1", "ipv6");
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addSubnet("fe80::", 10, "ipv6");

/** The endpoint without its trailing slash; a path stays. http:// passes for loopback and private addresses only. */
export function parseEndpoint(text: string): Endpoint {
  const refused = (wrong: string, right: string): Endpoint => ({ kind: "refused", wrong, right });
  if (!URL.canParse(text)) return refused("is no URL", "a URL, for example https://s3.example.com");
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    // not with what: that may be the user of a login
    return refused(
      "begins with neither https:// nor http://",
      "https:// (http:// for loopback and private addresses only)",
    );
  }
  if (url.username !== "" || url.password !== "") {
    return refused("holds a login", "the URL alone; keys belong under access_key_id and secret_access_key");
  }
  if (url.search !== "" || url.hash !== "") return refused("holds a `?` or `#`", "the URL up to there");
  if (url.protocol === "http:" && !isPrivate(url.hostname)) {
    return refused(
      `would send requests in the clear to ${url.hostname}`,
      "https://; http:// is accepted for localhost and for loopback and private addresses only",
    );
  }
  return { kind: "endpoint", url: `${url.origin}${url.pathname}`.replace(/\/+$/, "") };
}

/** R2's S3 endpoint of an account, by where it keeps the data (Cloudflare, R2 reference, data location). */
export const r2Endpoint = (accountId: string, jurisdiction: "default" | "eu" | "fedramp"): string =>
  `https://${accountId}${jurisdiction === "default" ? "" : `.${jurisdiction}`}.r2.cloudflarestorage.com`;

/** Whether what goes there in the clear stays among machines of one's own. */
export function isPrivate(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, "");
  const family = isIP(address);
  return family === 0 ? address === "localhost" : PRIVATE.check(address, family === 6 ? "ipv6" : "ipv4");
}
