import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { SecretRef } from "../../src/desired-state/desired-state.ts";
import { DevbackupError } from "../../src/domain/trouble.ts";
import { readSecret } from "../../src/transport/secret.ts";

let dir = "";
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "devbackup-secret-"));
});
after(() => rm(dir, { recursive: true, force: true }));

const file = async (text: string, mode: number): Promise<SecretRef> => {
  const path = join(dir, `s${mode}`);
  await writeFile(path, text);
  await chmod(path, mode);
  return { kind: "file", path };
};

test("secret: out of the environment, a file, a command; one trailing newline goes", async () => {
  assert.deepEqual(await readSecret({ kind: "env", name: "K" }, { K: "hush" }), { value: "hush" });
  assert.deepEqual(await readSecret(await file("hush\n\n", 0o600)), { value: "hush\n" });
  assert.deepEqual(await readSecret({ kind: "command", argv: ["printf", "hush\n"] }), { value: "hush" });
});

test("secret: a file that others can read is used with a warning", async () => {
  const { value, warning } = await readSecret(await file("hush", 0o644));
  assert.equal(value, "hush");
  assert.match(warning ?? "", /mode 0644.*chmod 600/);
});

const troubles = [
  { ref: { kind: "env", name: "NOT_SET" }, code: "secret-missing", says: /NOT_SET/ },
  { ref: { kind: "env", name: "EMPTY" }, code: "secret-missing", says: /EMPTY/ },
  { ref: { kind: "file", path: "/nonexistent/r2" }, code: "secret-unreadable", says: /\/nonexistent\/r2/ },
  {
    ref: { kind: "command", argv: ["/nonexistent/op"] },
    code: "secret-unreadable",
    says: /nonexistent\/op.*ENOENT/,
  },
  {
    ref: { kind: "command", argv: ["sh", "-c", "echo hush; echo locked >&2; exit 3"] },
    code: "secret-unreadable",
    says: /exit 3: locked/,
  },
  { ref: { kind: "command", argv: ["true"] }, code: "secret-missing", says: /command true/ },
] as const;

for (const { ref, code, says } of troubles) {
  test(`secret: ${code}: ${says.source}`, async () => {
    await assert.rejects(readSecret(ref, { EMPTY: "" }), (error) => {
      assert.ok(error instanceof DevbackupError);
      assert.equal(error.trouble.code, code);
      const text = `${error.trouble.what} ${error.trouble.why ?? ""}`;
      assert.match(text, says);
      assert.doesNotMatch(`${text.replaceAll("echo hush", "")} ${error.trouble.next}`, /hush/);
      return true;
    });
  });
}

test("secret: a command that does not let itself be ended is ended", async () => {
  const ref = { kind: "command", argv: ["sh", "-c", "trap '' TERM; sleep 60; :"] } as const;
  const began = performance.now();
  await assert.rejects(readSecret(ref, {}, 300), /secret cannot be read/);
  assert.ok(performance.now() - began < 30_000);
});
