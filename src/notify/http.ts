import { STATUS_CODES } from "node:http";
import { isPrivate } from "../desired-state/endpoint.ts";
import { type Attempt, type Patience, withRetries } from "../transport/bucket/retry.ts";
import { Undelivered } from "./undelivered.ts";

/** One POST. Header values are ASCII. */
export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PostOptions {
  readonly tryTimeoutMs: number;
  readonly patience: Patience;
  /** Ends it at once. */
  readonly signal: AbortSignal;
}

/**
 * Posts until it is taken, and resolves with what was answered: `200 OK`. What may mend itself is tried again: no
 * answer, 429, and 5xx.
 * @throws Undelivered
 */
export async function post(request: Post, options: PostOptions): Promise<string> {
  let last = new Undelivered("no answer in the time that there is");
  const trying = async (): Promise<Attempt<string>> => {
    const outcome = await attempt(request, options);
    if (outcome.kind === "again") last = outcome.error;
    return outcome;
  };
  try {
    return await withRetries(trying, options.patience, options.signal);
  } catch (error) {
    throw error instanceof Undelivered ? error : last;
  }
}

async function attempt(
  { url, headers, body }: Post,
  { tryTimeoutMs, signal }: PostOptions,
): Promise<Attempt<string>> {
  const own = AbortSignal.timeout(tryTimeoutMs);
  const again = (why: string): Attempt<string> => ({
    kind: "again",
    error: new Undelivered(why),
    retryAfterMs: undefined,
  });
  try {
    const response = await fetch(bare(url), {
      method: "POST",
      headers: { ...headers, ...login(url) },
      body,
      // a POST that is sent on may arrive without its body (301, 302), elsewhere, or in the clear
      redirect: "manual",
      signal: AbortSignal.any([own, signal]),
    });
    await response.body?.cancel();
    const answer = `${response.status} ${STATUS_CODES[response.status] ?? ""}`.trim();
    if (response.ok) return { kind: "done", value: answer };
    if (response.status === 429 || response.status >= 500) return again(`it answered ${answer}`);
    if (response.status >= 300 && response.status < 400)
      throw new Undelivered(`it answered ${answer}, and sends on to another URL: declare that one`);
    throw new Undelivered(`it answered ${answer}`);
  } catch (error) {
    if (error instanceof Undelivered) throw error;
    if (own.aborted) return again(`no answer within ${tryTimeoutMs / 1000} s`);
    signal.throwIfAborted();
    const { words, forGood } = wordsOf(error);
    if (forGood) throw new Undelivered(words);
    return again(words);
  }
}

/**
 * A URL that a message may go to.
 * @throws Undelivered where it is none, its login can't be decoded, or the message would go in the clear to somebody else's machine
 */
export function parseWebhook(text: string): URL {
  const trimmed = text.trim();
  if (!URL.canParse(trimmed)) throw new Undelivered("what is declared holds no URL");
  const url = new URL(trimmed);
  if (!isDecodable(url.username) || !isDecodable(url.password))
    throw new Undelivered("the login in its URL is malformed: a % in it has to be written %25");
  if (url.protocol === "https:" || (url.protocol === "http:" && isPrivate(url.hostname))) return url;
  throw new Undelivered(
    "its URL has to begin with https:// (http:// for loopback and private addresses only)",
  );
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** fetch takes no URL with a login in it. */
function bare(url: URL): URL {
  const without = new URL(url);
  without.username = "";
  without.password = "";
  return without;
}

/** RFC 7617; of a URL by {@link parseWebhook}, which can be decoded. */
const login = ({ username, password }: URL): Record<string, string> =>
  username === "" && password === ""
    ? {}
    : {
        Authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`,
      };

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was cut",
  ENOTFOUND: "there is no such host",
  EAI_AGAIN: "the host's name could not be looked up",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the host",
  UND_ERR_SOCKET: "the connection was cut",
  UND_ERR_CONNECT_TIMEOUT: "no connection came about",
};

/** By its code alone: messages of libraries repeat hosts and URLs. */
function wordsOf(error: unknown): { readonly words: string; readonly forGood: boolean } {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  const code = /^[A-Z][A-Z0-9_]{2,60}$/.exec(String(cause?.code ?? ""))?.[0];
  const tls = code !== undefined && /CERT|TLS|SSL|SIGNATURE/.test(code);
  const words = tls
    ? "its certificate, or TLS, was refused"
    : (WORDS[code ?? ""] ?? "it could not be reached");
  return { words: code === undefined ? words : `${words} (${code})`, forGood: tls };
}
