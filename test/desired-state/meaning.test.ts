import { cloud, dataset, hosts, testRows } from "./rows.ts";
import { CLOUD, DATASETS, MINIMAL } from "./states.ts";

testRows([
  {
    name: "a host that is not there",
    yaml: dataset("workstation: wz"),
    problems: ["11:18 there is no host `wz`"],
    right: /^ws, if that was meant/,
  },
  {
    name: "a host of the other role",
    yaml: dataset("workstation: ls"),
    problems: ["11:18 `datasets.dev.workstation` names ls, which is a server"],
    right: "one of ws",
  },
  {
    name: "no host of the role",
    yaml: hosts("  ws: {role: workstation, connection: local}\n"),
    problems: ["5:3 there is no host with role: server"],
  },
  {
    name: "two hosts of the role",
    yaml: hosts(
      "  ws: {role: workstation, connection: local}\n  a: {role: server, connection: ssh, address: a}\n  b: {role: server, connection: ssh, address: b}\n",
    ),
    problems: ["7:3 `datasets.dev.server` is left out, but more than one host is a server"],
    right: "one of a, b",
  },
  {
    name: "a schedule on no host",
    yaml: `${MINIMAL}schedule: {on: lx, calendar: daily}\n`,
    problems: ["11:16 there is no host `lx`"],
    right: "one of ws, ls",
  },
  {
    name: "a refused host is no missing host",
    yaml: MINIMAL.replace("role: server", "role: sever"),
    problems: ['4:14 `hosts.ls.role` is "sever"'],
  },
  {
    name: "a time zone that is none",
    yaml: dataset("timezone: Europe/Berln"),
    problems: ['11:15 there is no time zone "Europe/Berln"'],
    right: /^Europe\/Berlin, /,
  },
  {
    name: "an offset for a time zone",
    yaml: dataset('timezone: "+01:00"'),
    problems: ['11:15 there is no time zone "+01:00"'],
  },
  {
    name: "snapshots inside the path",
    yaml: MINIMAL.replace("chuck/snapshots", "chuck/code/.snapshots"),
    problems: ["8:16 `datasets.dev.snapshots` lies inside what is backed up (/home/chuck/code)"],
    right: /outside it/,
  },
  {
    name: "the path among the snapshots",
    yaml: MINIMAL.replace("chuck/code", "chuck/snapshots/code"),
    problems: ["8:16 `datasets.dev.snapshots` lies around what is backed up (/home/chuck/snapshots/code)"],
  },
  {
    name: "a working copy in the repository",
    yaml: dataset("working_copy: /srv/backups/dev/now"),
    problems: ["11:19 `datasets.dev.working_copy` lies inside the repository (/srv/backups/dev)"],
  },
  {
    name: "a neighbour with the same beginning",
    yaml: dataset("working_copy: /srv/backups/dev2"),
    problems: [],
  },
  {
    name: "one machine: a working copy in place of the code",
    yaml: dataset("working_copy: /home/chuck/code").replace(
      "connection: ssh, address: backup.lan",
      "connection: local",
    ),
    problems: ["11:19 `datasets.dev.working_copy` is also what is backed up (/home/chuck/code)"],
  },
  {
    name: "two machines: a working copy at the same path",
    yaml: dataset("working_copy: /home/chuck/code"),
    problems: [],
  },
  {
    name: "two datasets with one of everything",
    yaml: `${MINIMAL}${DATASETS.replace("datasets:\n", "").replace("dev:", "two:")}`,
    problems: [
      "12:11 `datasets.two.path` is also what is backed up of dev (/home/chuck/code)",
      "15:17 `datasets.two.repository` is also the repository of dev (/srv/backups/dev)",
    ],
  },
  {
    name: "a repository in a repository",
    yaml: `${MINIMAL}  two: {path: /a, snapshots: /home/chuck/snapshots, owner: me, repository: /srv/backups/dev/two}\n`,
    problems: ["11:76 `datasets.two.repository` lies inside the repository of dev (/srv/backups/dev)"],
  },
  {
    name: "account and endpoint",
    yaml: cloud("endpoint: https://s3.example.com"),
    problems: ["16:13 `cloud` has both `account_id` and `endpoint`"],
  },
  {
    name: "neither account nor endpoint",
    yaml: `${MINIMAL}${CLOUD.replace(/.*account_id.*\n/, "")}`,
    problems: ["11:1 `cloud` has neither `account_id` nor `endpoint`"],
  },
  {
    name: "a part too small for R2",
    yaml: cloud("part_size: 4 MiB"),
    problems: ["16:14 `cloud.part_size` is 4 MiB"],
  },
  {
    name: "a part too large for R2",
    yaml: cloud("part_size: 5 GiB"),
    problems: ["16:14 `cloud.part_size` is 5 GiB"],
  },
  { name: "the largest part", yaml: cloud("part_size: 4.995 GiB"), problems: [] },
  {
    name: "no bandwidth at all",
    yaml: cloud("bandwidth_limit: 0 MiB/s"),
    problems: ["16:20 `cloud.bandwidth_limit` is 0 MiB/s"],
  },
]);
