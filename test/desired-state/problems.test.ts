import assert from "node:assert/strict";
import { test } from "node:test";
import { cloud, dataset, hosts, type Row, testRows } from "./rows.ts";
import { DATASETS, HOSTS, MINIMAL, problemsOf } from "./states.ts";

const yamlRows: readonly Row[] = [
  { name: "nothing", yaml: "", problems: ["1:1 this file is empty"], right: /^a mapping/ },
  { name: "comments alone", yaml: "# later\n", problems: ["1:1 this file is empty"] },
  { name: "a list", yaml: "- a\n", problems: ["1:1 this file is not a mapping"] },
  { name: "prose", yaml: "hello there\n", problems: ["1:1 this file is not a mapping"] },
  { name: "a tab as indent", yaml: "hosts:\n\tws: 1\n", problems: ["2:1 this line is indented with a tab"] },
  { name: "an open quote", yaml: `a: "b\nc: d\n`, problems: ["1:4 this quote is never closed"] },
  {
    name: "an open bracket",
    yaml: "a: [1\nb: 2\n",
    problems: ["2:1 a `{` or `[` is not closed before this place"],
  },
  { name: "two colons", yaml: "a: b: c\n", problems: ["1:4 there are two `: ` on one line"] },
  {
    name: "no colon",
    yaml: "version 1\nhosts: x\n",
    problems: ["1:1 this line is neither a key nor a value"],
  },
  {
    name: "a reserved character",
    yaml: "a: @b\n",
    problems: ["1:4 a value cannot begin with this character"],
  },
  {
    name: "a second document",
    yaml: `${MINIMAL}---\na: 1\n`,
    problems: ["11:1 a second document begins here"],
  },
  {
    name: "YAML 1.1",
    yaml: `%YAML 1.1\n---\n${MINIMAL}`,
    problems: ["1:1 this file asks for another version of YAML"],
  },
  {
    name: "a control character",
    yaml: "a: b\nc: \u0001\n",
    problems: ["2:4 this is not text: a control character"],
  },
  {
    name: "a key twice",
    yaml: dataset("owner: me"),
    problems: ["11:5 `owner` is written twice; the first is at devbackup.yaml:9:5"],
  },
  { name: "a custom tag", yaml: dataset("timezone: !zone UTC"), problems: ["11:15 a tag (!…) stands here"] },
  {
    name: "an unknown alias",
    yaml: dataset("timezone: *zone"),
    problems: ["11:15 this alias names no anchor above it"],
  },
  {
    name: "an alias of itself",
    yaml: dataset("anchor: &a {b: *a}"),
    problems: ["11:20 this alias holds itself"],
  },
  {
    name: "aliases that multiply",
    yaml: `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n`,
    problems: ["2:8 the aliases of this file multiply without measure"],
  },
  { name: "CRLF is fine", yaml: MINIMAL.replaceAll("\n", "\r\n"), problems: [] },
  { name: "anchors are fine", yaml: dataset("anchor: &a {max_age_months: 6}"), problems: [] },
];

const shapeRows: readonly Row[] = [
  {
    name: "nothing that is required",
    yaml: "encryption: {}\n",
    problems: [
      "1:1 the desired state has no `version`",
      "1:1 the desired state has no `hosts`",
      "1:1 the desired state has no `datasets`",
    ],
  },
  { name: "another version", yaml: MINIMAL.replace("1", "2"), problems: ["1:10 `version` is 2"], right: "1" },
  {
    name: "an unknown key near a known one",
    yaml: dataset("compresion_level: 3"),
    problems: ["11:5 `compresion_level` is no key of `datasets.dev`"],
    right: "`compression_level`, if that was meant",
  },
  {
    name: "a misspelt required key is not reported as missing too",
    yaml: MINIMAL.replace("repository", "repositry"),
    problems: ["10:5 `repositry` is no key of `datasets.dev`"],
  },
  {
    name: "a known key at another place",
    yaml: `${MINIMAL}bucket: x\n`,
    problems: ["11:1 `bucket` is no key of the desired state"],
    right: /^it is known in cloud; known here: version, hosts, /,
  },
  {
    name: "chains of snapshots",
    yaml: dataset("retention: {server_snapshots: {keep_chains: 2}}"),
    problems: ["11:36 `keep_chains` is no key of `datasets.dev.retention.server_snapshots`"],
    right: /server_artifacts/,
  },
  { name: "a merge key", yaml: dataset("<<: {}"), problems: ["11:5 `<<` is no key of `datasets.dev`"] },
  {
    name: "__proto__",
    yaml: `${MINIMAL}__proto__: {a: 1}\n`,
    problems: ["11:1 `__proto__` is no key of the desired state"],
  },
  {
    name: "a number for a text",
    yaml: dataset("timezone: 3"),
    problems: ["11:15 `datasets.dev.timezone` is 3"],
    right: "a text, for example `timezone: Europe/Berlin`",
  },
  {
    name: "a text for a number",
    yaml: dataset('compression_level: "3"'),
    problems: ['11:24 `datasets.dev.compression_level` is "3"'],
    right: "a whole number from 1 to 19, for example `compression_level: 3`",
  },
  {
    name: "a number too large",
    yaml: dataset("compression_level: 20"),
    problems: ["11:24 `datasets.dev.compression_level` is 20"],
  },
  {
    name: "a list for a mapping",
    yaml: dataset("anchor: [1]"),
    problems: ["11:13 `datasets.dev.anchor` is a list"],
  },
  {
    name: "a mapping for a text",
    yaml: dataset("timezone:\n      a: 1"),
    problems: ["11:5 `datasets.dev.timezone` is a mapping of keys"],
  },
  {
    name: "nothing for a text",
    yaml: dataset("timezone:"),
    problems: ["11:5 `datasets.dev.timezone` is empty"],
  },
  {
    name: "a word of a list",
    yaml: dataset("cadence: montly"),
    problems: ['11:14 `datasets.dev.cadence` is "montly"'],
    right: "monthly, if that was meant; one of monthly, weekly, daily",
  },
  {
    name: "a relative path",
    yaml: MINIMAL.replace("/srv", "srv"),
    problems: ['10:17 `datasets.dev.repository` is "srv/backups/dev"'],
  },
  {
    name: "a path that climbs",
    yaml: MINIMAL.replace("/srv", "/srv/.."),
    problems: ['10:17 `datasets.dev.repository` is "/srv/../backups/dev"'],
  },
  {
    name: "a trailing slash",
    yaml: dataset("working_copy: /a/"),
    problems: ['11:19 `datasets.dev.working_copy` is "/a/"'],
  },
  {
    name: "an owner that is none",
    yaml: MINIMAL.replace("owner: chuck", "owner: -x"),
    problems: ['9:12 `datasets.dev.owner` is "-x"'],
  },
  {
    name: "two rules",
    yaml: dataset("retention: {server_artifacts: {keep_last: 1, keep_chains: 1}}"),
    problems: ["11:35 `datasets.dev.retention.server_artifacts` holds more than one rule"],
  },
  {
    name: "no rule",
    yaml: dataset("retention: {server_artifacts: {}}"),
    problems: ["11:35 `datasets.dev.retention.server_artifacts` is empty"],
  },
  {
    name: "keep nothing",
    yaml: dataset("retention: {server_snapshots: {keep_last: 0}}"),
    problems: ["11:47 `datasets.dev.retention.server_snapshots.keep_last` is 0"],
  },
  {
    name: "a host without a name",
    yaml: hosts(
      "  My Host: {role: server, connection: local}\n  ws: {role: workstation, connection: local}\n",
    ),
    problems: ["3:3 `My Host` is no valid name"],
  },
  {
    name: "ssh without an address",
    yaml: hosts("  ws: {role: workstation, connection: local}\n  ls: {role: server, connection: ssh}\n"),
    problems: ["4:3 `hosts.ls` has no `address`"],
  },
  {
    name: "local with an address",
    yaml: hosts(
      "  ws: {role: workstation, connection: local, address: x}\n  ls: {role: server, connection: local}\n",
    ),
    problems: ["3:46 `hosts.ws.address` says something about SSH, but the connection is local"],
  },
  {
    name: "an address that is an option",
    yaml: MINIMAL.replace("backup.lan", "-oProxyCommand=x"),
    problems: ['4:48 `hosts.ls.address` is "-oProxyCommand=x"'],
  },
  {
    name: "an empty calendar",
    yaml: `${MINIMAL}schedule: {on: ls, calendar: " "}\n`,
    problems: ['11:30 `schedule.calendar` is " "'],
  },
  {
    name: "a recipient of another kind",
    yaml: `${MINIMAL}encryption: {recovery_recipients: [ssh-ed25519 AAAA]}\n`,
    problems: ['11:36 `encryption.recovery_recipients.0` is "ssh-ed25519 AAAA"'],
  },
  {
    name: "a signer of another kind",
    yaml: `${MINIMAL}encryption: {signers: {dev: ssh-rsa AAAA}}\n`,
    problems: ['11:29 `encryption.signers.dev` is "ssh-rsa AAAA"'],
  },
  {
    name: "a signer of a dataset that is not declared",
    yaml: `${MINIMAL}encryption: {signers: {docs: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"q".repeat(43)}}}\n`,
    problems: ["11:30 there is no dataset `docs`"],
  },
  {
    name: "a bucket with capitals",
    yaml: cloud("").replace("dev-backups", "Dev"),
    problems: ['13:11 `cloud.bucket` is "Dev"'],
  },
  {
    name: "a bucket like an address",
    yaml: cloud("").replace("dev-backups", "192.168.1.1"),
    problems: ['13:11 `cloud.bucket` is "192.168.1.1"'],
  },
  {
    name: "an account id too short",
    yaml: cloud("").replace("0123456789abcdef", ""),
    problems: ['12:15 `cloud.account_id` is "0123456789abcdef"'],
  },
  {
    name: "a size without its unit",
    yaml: cloud("part_size: 64"),
    problems: ["16:14 `cloud.part_size` is 64"],
    right: /`part_size: 64 MiB`/,
  },
  {
    name: "a prefix that climbs",
    yaml: cloud("prefix: a/../b"),
    problems: ['16:11 `cloud.prefix` is "a/../b"'],
  },
];

testRows([...yamlRows, ...shapeRows]);

test("problems: all of them in one run, in the order of the file", () => {
  const yaml = `version: 2\n${HOSTS.replace("role: server", "rule: server")}${DATASETS.replace("owner: chuck", "owner: 3")}cloud: {bucket: x}\nschedule: {on: nobody}\n`;
  assert.deepEqual(problemsOf(yaml), [
    "1:10 `version` is 2",
    "4:8 `rule` is no key of `hosts.ls`",
    "9:12 `datasets.dev.owner` is 3",
    "11:1 `cloud` has no `access_key_id`",
    "11:1 `cloud` has no `secret_access_key`",
    "11:1 `cloud` has neither `account_id` nor `endpoint`",
    '11:17 `cloud.bucket` is "x"',
    "12:1 `schedule` has no `calendar`",
  ]);
});
