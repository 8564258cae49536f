import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { NotifySpec, NotifyWay, Occasion } from "../../src/desired-state/desired-state.ts";
import { OCCASIONS } from "../../src/desired-state/desired-state.ts";
import {
  type Delivery,
  type DeliveryOptions,
  deliver,
  type News,
  type Times,
} from "../../src/notify/deliver.ts";
import type { Message } from "../../src/notify/message.ts";
import { processesWith, until } from "../transport/processes.ts";
import { closedPort, listen, listenTls } from "./listener.ts";

const RUN = "9f2c6a4e-0c1d-4b6e-8f3a-5d7e9b1c2a30";
/** As short as a test can wait for; whoever answers at all does so in milliseconds. */
const TIMES: Times = {
  tryMs: 1_500,
  allMs: 4_000,
  patience: { attempts: 3, firstDelayMs: 20, longestDelayMs: 50 },
};

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "devbackup-notify-"));
});
after(() => rm(folder, { recursive: true, force: true }));

const message = (some: Partial<Message> = {}): Message => ({
  occasion: "failure",
  title: "devbackup: backup failed: ls: no route",
  text: "By chuck@ls.\nnext: devbackup apply\n",
  exitCode: 4,
  ...some,
});

const send = (
  ways: readonly (NotifyWay | NotifySpec)[],
  some: Partial<Message> = {},
  options: Partial<DeliveryOptions & News> = {},
): Promise<readonly Delivery[]> =>
  deliver(
    { message: message(some), run: RUN, forMonitors: true, forPeople: true, figures: null, ...options },
    ways.map((way) => ("kind" in way ? { on: OCCASIONS, way } : way)),
    {
      env: process.env,
      secretEnv: process.env,
      now: new Date("2026-03-01T03:00:00Z"),
      times: TIMES,
      ...options,
    },
  );

const script = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
};

test("ntfy: the text, with title, priority and tags as its documentation has them", async (context) => {
  const { url, heard } = await listen(context);
  const told = await send([{ kind: "ntfy", url: `${url}/backups` }], {
    title: "devbackup: backup of Gemüse failed",
  });
  assert.deepEqual(told, [{ entry: "notify.0 (ntfy)", toPeople: true, arrived: true, how: "200 OK" }]);
  const [{ method, url: path, headers, body } = assert.fail()] = heard;
  assert.deepEqual([method, path, body], ["POST", "/backups", message().text]);
  assert.equal(headers.priority, "4");
  assert.equal(headers.tags, "rotating_light");
  const [, base64 = ""] = /^=\?UTF-8\?B\?(.*)\?=$/.exec(String(headers.title)) ?? [];
  assert.equal(Buffer.from(base64, "base64").toString(), "devbackup: backup of Gemüse failed");
});

test("ntfy: who logs in to it does so by the URL's login, which stays out of the request's line", async (context) => {
  const { url, heard } = await listen(context);
  const withLogin = url.replace("://", "://:tk_secret@");
  await send(
    [{ kind: "ntfy", url: { kind: "env", name: "NTFY" } }],
    {},
    { secretEnv: { NTFY: `${withLogin}/t` } },
  );
  assert.equal(heard[0]?.headers.authorization, `Basic ${Buffer.from(":tk_secret").toString("base64")}`);
  assert.equal(heard[0]?.url, "/t");
});

test("a login that can't be decoded is told as what it is, and nothing of it", async (context) => {
  const { url, heard } = await listen(context);
  const told = await send(
    [
      { kind: "ntfy", url: `${url.replace("://", "://user:SECRET%zz@")}/t` },
      { kind: "slack", url: { kind: "env", name: "HOOK" } },
    ],
    {},
    { secretEnv: { HOOK: `${url.replace("://", "://SECRET%:x@")}/t` } },
  );
  const how = "the login in its URL is malformed: a % in it has to be written %25";
  assert.deepEqual(
    told.map((each) => each.how),
    [how, how],
  );
  assert.deepEqual(heard, []);
});

test("slack: JSON in which nothing is a mention or a link", async (context) => {
  const { url, heard } = await listen(context);
  const hook = { kind: "slack", url: { kind: "env", name: "HOOK" } } as const;
  await send(
    [hook],
    { text: "<!channel> & <https://evil>\n" },
    { secretEnv: { HOOK: `${url}/services/T/B/x` } },
  );
  assert.equal(heard[0]?.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(heard[0]?.body ?? ""), {
    text: `${message().title}\n&lt;!channel&gt; &amp; &lt;https://evil&gt;\n`,
  });
});

test("healthchecks: start, success and failure are pings of one run", async (context) => {
  const { url, heard } = await listen(context);
  const check = { kind: "healthchecks", url: `${url}/ping/uuid` } as const;
  for (const occasion of ["start", "success", "warning", "failure"] as const)
    await send([check], { occasion });
  await send([check], { occasion: "warning", isLoss: true });
  await send([check], { occasion: "success" }, { test: true });
  assert.deepEqual(
    heard.map(({ method, url: path }) => `${method} ${path}`),
    [
      `POST /ping/uuid/start?rid=${RUN}`,
      `POST /ping/uuid?rid=${RUN}`,
      `POST /ping/uuid?rid=${RUN}`,
      `POST /ping/uuid/fail?rid=${RUN}`,
      // nothing failed, and what is lost is no success
      `POST /ping/uuid/fail?rid=${RUN}`,
      // a test must not count as a backup, nor as one that failed
      `POST /ping/uuid/log?rid=${RUN}`,
    ],
  );
  assert.ok(heard[3]?.body.includes("no route"));
});

test("each entry hears of its occasions; monitors of every whole run, people of what is worth their time", async (context) => {
  const { url, heard } = await listen(context);
  const ways: NotifySpec[] = [
    { on: ["failure"], way: { kind: "ntfy", url: `${url}/failures` } },
    { on: OCCASIONS, way: { kind: "ntfy", url: `${url}/all` } },
    { on: OCCASIONS, way: { kind: "healthchecks", url: `${url}/check` } },
  ];
  const told = async (occasion: Occasion, forPeople: boolean, forMonitors: boolean): Promise<string[]> => {
    heard.length = 0;
    await send(ways, { occasion }, { forPeople, forMonitors });
    return heard.map(({ url: path }) => path.replace(/[/?].*$/, "") || path.split(/[/?]/)[1] || "").sort();
  };
  assert.deepEqual(await told("failure", true, true), ["all", "check", "failures"]);
  assert.deepEqual(await told("success", true, true), ["all", "check"]);
  assert.deepEqual(await told("success", false, true), ["check"]);
  assert.deepEqual(await told("warning", true, false), ["all"]);
});

test("what may mend itself is tried again, and nothing else is", async (context) => {
  const mending = await listen(context, 500, 429, 200);
  const gone = await listen(context, 404);
  const down = await listen(context, 503);
  const told = await send([mending, gone, down].map(({ url }) => ({ kind: "ntfy", url: `${url}/t` })));
  assert.deepEqual(
    told.map(({ arrived, how }) => [arrived, how]),
    [
      [true, "200 OK"],
      [false, "it answered 404 Not Found"],
      [false, "it answered 503 Service Unavailable"],
    ],
  );
  assert.deepEqual(
    [mending, gone, down].map(({ heard }) => heard.length),
    [3, 1, 3],
  );
});

test("a webhook that never answers holds up nobody else, and no URL is named where one fails", async (context) => {
  const secret = "T0P/SECRET-PATH";
  const silent = await listen(context, null);
  const elsewhere = await listen(context);
  const onward = await listen(context, { status: 301, location: `${elsewhere.url}/onward` });
  const tls = await listenTls(context, folder);
  const closed = await closedPort();
  const fine = await listen(context);
  const urls = [silent.url, onward.url, tls.url, closed, "http://203.0.113.7", "not a url", fine.url];
  const secretEnv = Object.fromEntries(urls.map((url, at) => [`HOOK${at}`, `${url}/${secret}`]));
  const begun = performance.now();
  const told = await send(
    urls.map((_, at) => ({ kind: "slack", url: { kind: "env", name: `HOOK${at}` } })),
    {},
    { secretEnv },
  );
  assert.ok(performance.now() - begun < 30_000);
  assert.deepEqual(
    told.map(({ arrived, how }) => `${arrived}: ${how}`),
    [
      "false: no answer within 1.5 s",
      "false: it answered 301 Moved Permanently, and sends on to another URL: declare that one",
      "false: its certificate, or TLS, was refused (DEPTH_ZERO_SELF_SIGNED_CERT)",
      "false: the connection was refused (ECONNREFUSED)",
      "false: its URL has to begin with https:// (http:// for loopback and private addresses only)",
      "false: what is declared holds no URL",
      "true: 200 OK",
    ],
  );
  assert.deepEqual([elsewhere.heard, tls.heard], [[], []]);
  assert.doesNotMatch(JSON.stringify(told), /SECRET|127\.0\.0\.1|localhost|203\.0/);
});

test("a secret that can't be read is told without it, and one that others can read with a warning", async (context) => {
  const { url } = await listen(context);
  const file = join(folder, "hook");
  await writeFile(file, `${url}/t\n`);
  await chmod(file, 0o644);
  const told = await send([
    { kind: "slack", url: { kind: "file", path: "/nonexistent/hook" } },
    { kind: "slack", url: { kind: "env", name: "NOT_SET" } },
    { kind: "slack", url: { kind: "command", argv: ["sh", "-c", "exit 3"] } },
    { kind: "slack", url: { kind: "file", path: file } },
  ]);
  assert.match(told[0]?.how ?? "", /cannot be read: file \/nonexistent\/hook/);
  assert.equal(told[1]?.how, "the secret is not set: environment variable NOT_SET");
  assert.match(told[2]?.how ?? "", /exit 3/);
  assert.equal(told[3]?.arrived, true);
  assert.match(told[3]?.warning ?? "", /mode 0644/);
});

test("command: gets the message on stdin, and what it is about in its environment", async () => {
  const out = join(folder, "command-out");
  const path = await script(
    "teller",
    `{ cat; echo "$1|$DEVBACKUP_OCCASION|$DEVBACKUP_TITLE|$DEVBACKUP_EXIT_CODE"; } >${out}`,
  );
  const told = await send([{ kind: "command", argv: [path, "an argument; with $words"] }]);
  assert.deepEqual(told, [
    { entry: "notify.0 (command)", toPeople: true, arrived: true, how: "exit code 0" },
  ]);
  const { title, text } = message();
  assert.equal(await readFile(out, "utf8"), `${title}\n${text}an argument; with $words|failure|${title}|4\n`);
});

test("command: one that fails, is not there or does not end is told of, and leaves nothing running", async () => {
  const fails = await script("fails", "echo first >&2; printf 'no \\033[31mbus\\n' >&2; exit 7");
  const mark = `of-a-hanging-teller-${process.pid}`;
  const hangs = await script("hangs", `export MARK=${mark}; trap '' TERM; sleep 600 & wait`);
  // what it leaves running keeps its stderr open
  const leaves = await script("leaves", "sleep 20 & exit 0");
  const deaf = await script("deaf", "exec <&-; exit 0");
  const told = await send(
    [[fails], ["/nonexistent/notify-send"], [hangs], [leaves], [deaf]].map((argv) => ({
      kind: "command",
      argv: argv as [string],
    })),
    { text: "x".repeat(200_000) },
  );
  assert.deepEqual(
    told.map(({ how }) => how),
    [
      "exit code 7: no \\x1b[31mbus",
      "there is no /nonexistent/notify-send here",
      "it did not end in the time that there is",
      "exit code 0",
      "exit code 0",
    ],
  );
  await until(() => processesWith(mark).length === 0);
});

/** As another program than ours understands it: python3's e-mail package, which names every defect. */
const PARSE = `
import email, email.policy, json, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print(json.dumps({"headers": [[k, str(v)] for k, v in m.items()], "text": m.get_content(),
  "date": m["date"].datetime.isoformat(),
  "defects": [repr(d) for d in m.defects] + [repr(d) for v in m.values() for d in v.defects]}))`;

/** A stand-in for an MTA's sendmail: it writes down what it is given and how it is called. */
const sendmail = (out: string): Promise<string> =>
  script("sendmail", `printf '%s\\n' "$*" >${out}.args; cat >${out}`);

for (const { name, title, text } of [
  { name: "in ASCII", title: message().title, text: message().text },
  {
    name: "with a long title and a text in every tongue",
    title: `devbackup: Sicherung von Gemüse fehlgeschlagen: ${"größer 備份 ".repeat(6).trim()}`,
    text: `备份失败\n${"ä".repeat(1_200)}\n.\nlast\n`,
  },
  {
    name: "that would be headers",
    title: "devbackup: x\r\nBcc: everybody@example.org\r\n\r\nbody",
    text: "=?UTF-8?Q?no?=\n",
  },
]) {
  test(`email: a message ${name}, as sendmail gets it`, async () => {
    const out = join(folder, "mail");
    await sendmail(out);
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    const told = await send([{ kind: "email", to: "chuck@example.org" }], { title, text }, { env });
    assert.deepEqual(told, [
      { entry: "notify.0 (email)", toPeople: true, arrived: true, how: "sendmail took it" },
    ]);
    assert.equal(await readFile(`${out}.args`, "utf8"), "-t -i --\n");
    const raw = await readFile(out);
    assert.ok(
      raw
        .toString("latin1")
        .split("\n")
        .every((line) => line.length <= 998),
    );
    const parsed = JSON.parse(execFileSync("python3", ["-c", PARSE], { input: raw, encoding: "utf8" }));
    const headers = new Map<string, string>(parsed.headers);
    assert.deepEqual(parsed.defects, []);
    assert.deepEqual(
      [...headers.keys()],
      [
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
      ],
    );
    assert.equal(headers.get("To"), "chuck@example.org");
    assert.equal(headers.get("Subject"), title.replaceAll("\r\n", "\\r\\n"));
    assert.equal(headers.get("Auto-Submitted"), "auto-generated");
    assert.equal(parsed.date, "2026-03-01T03:00:00+00:00");
    assert.match(headers.get("Message-ID") ?? "", /^<[0-9a-f-]{36}@[A-Za-z0-9.-]+>$/);
    assert.equal(parsed.text, text);
  });
}

test("email: where there is no sendmail, that is said", async () => {
  const options = { env: { PATH: "/nonexistent" }, sendmailPlaces: [] };
  const told = await send([{ kind: "email", to: "root" }], {}, options);
  assert.equal(told[0]?.how, "there is no sendmail here");
});
