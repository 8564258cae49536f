import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsAsData, renderProblems } from "../../src/desired-state/render-problems.ts";
import { CLOUD, check, MINIMAL } from "./states.ts";

const SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCY";
const AGE_KEY = "AGE-SECRET-KEY-1QQPQXYZQQPQXYZQQPQXYZQQPQXYZQQPQXYZQQPQXYZQQPQXYZQQPQXYZQQPQ";
const PEM = `-----BEGIN OPENSSH PRIVATE KEY-----\n    b3BlbnNzaC1rZXktdjE\n    -----END OPENSSH PRIVATE KEY-----`;

const inCloud = (line: string) => `${MINIMAL}${CLOUD.replace(/ {2}secret_access_key.*\n/, "")}  ${line}\n`;

/** Everything that a person or a program could read of the problems of this text. */
function said(text: string): string {
  const loaded = check(text);
  if (loaded.kind === "valid") return "valid";
  const { problems } = loaded;
  return renderProblems(problems, { colour: false }) + JSON.stringify(problemsAsData(problems));
}

const rows: readonly { name: string; yaml: string; secret?: string; says: RegExp }[] = [
  { name: "plain", yaml: inCloud(`secret_access_key: ${SECRET}`), says: /is written in the clear/ },
  { name: "quoted", yaml: inCloud(`secret_access_key: "${SECRET}"`), says: /is written in the clear/ },
  {
    name: "a number",
    yaml: inCloud("secret_access_key: 8675309"),
    secret: "8675309",
    says: /is written in the clear/,
  },
  {
    name: "on the next line",
    yaml: inCloud(`secret_access_key:\n    ${SECRET}`),
    says: /is written in the clear/,
  },
  {
    name: "a block of text",
    yaml: inCloud(`secret_access_key: |\n    ${SECRET}`),
    says: /is written in the clear/,
  },
  { name: "in a list", yaml: inCloud(`secret_access_key: [${SECRET}]`), says: /is written in the clear/ },
  {
    name: "before a comment",
    yaml: inCloud(`secret_access_key: x #${SECRET}`),
    says: /is written in the clear/,
  },
  {
    name: "the access key's id",
    yaml: MINIMAL + CLOUD.replace("{env: R2_ACCESS_KEY_ID}", SECRET),
    says: /`cloud.access_key_id` is written in the clear/,
  },
  {
    name: "under a form that is none",
    yaml: inCloud(`secret_access_key: {value: ${SECRET}}`),
    says: /is read from no place that is known/,
  },
  {
    name: "as a form",
    yaml: inCloud(`secret_access_key: {${SECRET}}`),
    says: /is read from no place that is known/,
  },
  {
    name: "as a variable's name",
    yaml: inCloud(`secret_access_key: {env: ${SECRET}/+}`),
    says: /`cloud.secret_access_key.env` is not the name of an environment variable/,
  },
  {
    name: "as a variable's name, in hexadecimal",
    yaml: inCloud(`secret_access_key: {env: ${"ab01".repeat(16)}}`),
    secret: "ab01ab01",
    says: /is not the name of an environment variable/,
  },
  {
    name: "as a file's path",
    yaml: inCloud(`secret_access_key: {file: ${SECRET}}`),
    says: /is not the path of a file/,
  },
  {
    name: "as a command in one text",
    yaml: inCloud(`secret_access_key: {command: echo ${SECRET}}`),
    says: /is not a command/,
  },
  {
    name: "two forms",
    yaml: inCloud(`secret_access_key: {env: A, file: /${SECRET}}`),
    says: /is read from more than one place/,
  },
  {
    name: "under a misspelt key",
    yaml: inCloud(`secret_acess_key: ${SECRET}`),
    says: /`secret_acess_key` is no key of `cloud`/,
  },
  {
    name: "under a misspelt key, as a mapping",
    yaml: inCloud(`secret_acces_key: {value: ${SECRET}}`),
    says: /`secret_acces_key` is no key of `cloud`/,
  },
  { name: "at the top", yaml: `${MINIMAL}api_token: ${SECRET}\n`, says: /`api_token` is no key/ },
  {
    name: "in the endpoint",
    yaml: `${MINIMAL}${CLOUD.replace(/account_id: .*/, `endpoint: https://me:${SECRET}@s3.example.com`)}`,
    says: /holds a login/,
  },
  {
    name: "through an alias",
    yaml: `${inCloud(`secret_access_key: &s ${SECRET}`)}  jurisdiction: *s\n`,
    says: /jurisdiction/,
  },
  { name: "in broken YAML", yaml: inCloud(`secret_access_key: "${SECRET}`), says: /never closed/ },
  {
    name: "in broken YAML, without a colon",
    yaml: inCloud(`secret_access_key ${SECRET}\n  a: 1`),
    says: /neither a key nor a value/,
  },
  {
    name: "in broken YAML, below the key",
    yaml: inCloud(`secret_access_key:\n    ${SECRET}: a: b`),
    says: /two `: `/,
  },
  {
    name: "twice",
    yaml: inCloud(`secret_access_key: ${SECRET}\n  secret_access_key: ${SECRET}`),
    says: /is written twice/,
  },
  { name: "a tag", yaml: inCloud(`secret_access_key: !${SECRET} x`), says: /a tag/ },
  {
    name: "under a key of the cloud that nobody knows",
    yaml: inCloud(`skey: ${SECRET}`),
    says: /`skey` is no key of `cloud`/,
  },
  {
    name: "in broken YAML, at the margin",
    yaml: inCloud(`secret_access_key:\n${SECRET}`),
    says: /something is missing/,
  },
  {
    name: "where a dataset belongs",
    yaml: `${MINIMAL}  secret_access_key: ${SECRET}\n`,
    says: /`datasets.secret_access_key` is/,
  },
  { name: "an anchor", yaml: inCloud(`secret_access_key: &${SECRET} x`), says: /is written in the clear/ },
  { name: "an alias", yaml: inCloud(`secret_access_key: *${SECRET}`), says: /this alias names no anchor/ },
  {
    name: "an age identity as recipient",
    yaml: `${MINIMAL}encryption:\n  recovery_recipients: [${AGE_KEY}]\n`,
    secret: AGE_KEY,
    says: /a private key stands here in the clear[\s\S]*its public half \(age1…\)/,
  },
  {
    name: "an age identity in a comment",
    yaml: `${MINIMAL}# ${AGE_KEY}\n`,
    secret: AGE_KEY,
    says: /a private key stands here in the clear/,
  },
  {
    name: "an age identity as a key",
    yaml: `${MINIMAL}${AGE_KEY}: 1\n`,
    secret: AGE_KEY,
    says: /a private key stands here in the clear/,
  },
  {
    name: "a PEM key",
    yaml: inCloud(`secret_access_key: |\n    ${PEM}`),
    secret: "b3BlbnNzaC1rZXktdjE",
    says: /a private key stands here in the clear/,
  },
  {
    name: "a PEM key that breaks the YAML",
    yaml: `${MINIMAL}    owner: ${PEM}: : x\n`,
    secret: "b3BlbnNzaC1rZXktdjE",
    says: /a private key stands here in the clear/,
  },
];

for (const { name, yaml, secret = SECRET, says } of rows) {
  test(`secrets: ${name}`, () => {
    const text = said(yaml);
    assert.match(text, says);
    assert.ok(yaml.includes(secret), "the row is about this secret");
    assert.ok(!text.toLowerCase().includes(secret.toLowerCase()), text);
  });
}

test("secrets: the three forms are the hint", () => {
  assert.match(
    said(inCloud(`secret_access_key: ${SECRET}`)),
    /one of \{env: NAME\}, \{file: PATH\} or \{command: \[program, argument\]\}, for example `secret_access_key: \{file: \/etc\/devbackup\/r2-secret\}`/,
  );
});

test("secrets: a host may be called after one", () => {
  const yaml = MINIMAL.replace("  ls:", "  token-server:").replace("role: server", "role: sever");
  assert.match(said(yaml), /token-server: \{role: sever, connection: ssh/);
});
