import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** One request that came in. */
export interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A status, with a Location where it sends on; null for no answer at all. */
type Answer = number | null | { readonly status: number; readonly location: string };

export interface Listener {
  /** With no slash at its end. */
  readonly url: string;
  readonly heard: Heard[];
}

/** A real HTTP server on loopback that answers in turn, the last one for ever. */
export const listen = (context: TestContext, ...answers: Answer[]): Promise<Listener> =>
  started(context, "http", (handler) => createServer(handler), answers);

/** The same where other machines reach it: at an address of this one. */
export const listenAt = (context: TestContext, address: string): Promise<Listener> =>
  started(context, "http", (handler) => createServer(handler), [200], address);

/** The same behind a certificate that nobody vouches for. */
export function listenTls(context: TestContext, folder: string): Promise<Listener> {
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"];
  execFileSync("openssl", [...request, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const identity = { key: readFileSync(key), cert: readFileSync(cert) };
  return started(context, "https", (handler) => createTlsServer(identity, handler), [200]);
}

/** Where nobody listens any more. */
export async function closedPort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

async function started(
  context: TestContext,
  scheme: string,
  create: (handler: Parameters<typeof createServer>[1] & object) => Server,
  answers: Answer[],
  address = "localhost",
): Promise<Listener> {
  const heard: Heard[] = [];
  const server = create((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const answer =
        answers.length === 0 ? 200 : (answers[Math.min(heard.length, answers.length - 1)] ?? null);
      heard.push({ method, url, headers, body: Buffer.concat(parts).toString("utf8") });
      if (answer === null) return;
      const { status, location } =
        typeof answer === "number" ? { status: answer, location: undefined } : answer;
      response.writeHead(status, location === undefined ? {} : { location }).end("an answer");
    });
  });
  server.listen(0, address);
  await new Promise((resolve) => server.once("listening", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${scheme}://${address}:${port}`, heard };
}
