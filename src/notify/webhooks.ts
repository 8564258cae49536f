import type { Occasion } from "../desired-state/desired-state.ts";
import { encodedWord } from "./encoded-word.ts";
import type { Post } from "./http.ts";
import type { Message } from "./message.ts";

/** One run, for what puts its start and its end together. */
export type RunId = string;

/** A message as each kind of webhook takes it. */
export const POSTS: Readonly<
  Record<"ntfy" | "slack" | "healthchecks", (url: URL, message: Message, run: RunId) => Post>
> = {
  ntfy: (url, { occasion, title, text }) => ({
    url,
    // docs.ntfy.sh/publish: title, priority, tags; a header that is not ASCII as RFC 2047 has it
    headers: { Title: encodedWord(title), Priority: NTFY[occasion].priority, Tags: NTFY[occasion].tags },
    body: text,
  }),
  slack: (url, { title, text }) => ({
    url,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text: escaped(`${title}\n${text}`) }),
  }),
  healthchecks: (url, { occasion, title, text, isLoss }, run) => ({
    url: pinged(url, isLoss ? "failure" : occasion, run),
    headers: { "Content-Type": "text/plain; charset=utf-8" },
    body: `${title}\n${text}`,
  }),
};

const NTFY: Readonly<Record<Occasion, { readonly priority: string; readonly tags: string }>> = {
  start: { priority: "2", tags: "hourglass_flowing_sand" },
  success: { priority: "3", tags: "white_check_mark" },
  warning: { priority: "3", tags: "warning" },
  failure: { priority: "4", tags: "rotating_light" },
};

/** What Slack would obey: mentions and links (docs.slack.dev, formatting message text, escaping text). */
const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** healthchecks.io/docs/http_api: `/start`, `/fail`, and `rid`, which ties the two pings of one run together. */
function pinged(url: URL, occasion: Occasion, run: RunId): URL {
  const to = new URL(url);
  const suffix = occasion === "start" ? "/start" : occasion === "failure" ? "/fail" : "";
  to.pathname = `${to.pathname.replace(/\/+$/, "")}${suffix}`;
  to.searchParams.set("rid", run);
  return to;
}
