/**
 * `npm run demo [-- --keep]`: two fresh machines and a bucket on this one; two months of backups, a drill and the
 * status in a few minutes, with the commands that a user would type. Takes everything down again unless told to keep it.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { styleText } from "node:util";
import { parseDocument } from "yaml";
import { type Lab, startLab, whyNoLab } from "../test/lab/lab.ts";

const keep = process.argv.includes("--keep");
const COLUMNS = process.stdout.columns || 100;
const now = new Date();
const thisMonth = now.toISOString().slice(0, 7);
const lastMonth = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - 1)).toISOString().slice(0, 7);

const why = whyNoLab();
if (why) {
  console.error(`The demo needs two machines in namespaces of this one, and they can't be had here.\n${why}`);
  process.exit(1);
}

heading("Two fresh Debian machines and a bucket");
say("ws, the workstation, has Btrfs at /home; ls, the server, at /srv. The bucket simulates R2.");
const lab = await startLab({ id: "demo", net: process.env.LAB_NET ?? "10.77.0", keep });
const failure = await story(lab).catch((error: unknown) => error);
if (failure) console.error(failure instanceof Error ? failure.message : failure);

heading(keep ? "Look around" : "Clean up");
if (keep) farewell(lab);
else {
  await lab.stop({ all: true });
  say("Both machines and the bucket are gone. The image they were made from is kept for the next time.");
}
process.exitCode = failure ? 1 : 0;

async function story(lab: Lab): Promise<void> {
  heading("Someone's work on the workstation");
  await onWorkstation(
    lab,
    `sudo btrfs subvolume create /home/dev/code >/dev/null
sudo chown dev: /home/dev/code
mkdir -p /home/dev/code/notes
head -c 8M /dev/urandom >/home/dev/code/photo.raw
for day in 1 2 3; do echo "day $day" >/home/dev/code/notes/$day.md; done
find /home/dev/code -type f | sort`,
  );

  heading("Declare what should be so");
  await devbackup(lab, [
    ...["init", "desired-state"],
    ...[
      "--workstation",
      lab.addresses.ws,
      "--user",
      "dev",
      "--server",
      lab.addresses.ls,
      "--server-user",
      "dev",
    ],
    ...["--path", "/home/dev/code", "--snapshots", "/home/dev/snapshots", "--owner", "dev"],
    ...["--repository", "/srv/btrfs-backups/dev", "--working-copy", "/srv/work/dev"],
    ...["--endpoint", lab.bucket.endpoint, "--bucket", lab.bucket.bucket],
    ...["--access-key-id-env", "R2_ACCESS_KEY_ID", "--secret-access-key-env", "R2_SECRET_ACCESS_KEY"],
  ]);
  await addLogin(lab);
  await devbackup(lab, ["validate"]);

  heading("What would be done? Nothing is changed yet");
  say(`So that there are two months to see, the first is given last month's label, ${lastMonth}.`);
  await devbackup(lab, ["plan", "--label", lastMonth]);

  heading(`The first month, ${lastMonth}: provision both machines, then an anchor`);
  await devbackup(lab, ["apply", "--yes", "--label", lastMonth]);

  heading(`The work goes on; the next month, ${thisMonth}, is an increment`);
  await onWorkstation(
    lab,
    `echo "day 4" >/home/dev/code/notes/4.md
echo "changed" >>/home/dev/code/notes/1.md
rm /home/dev/code/notes/2.md`,
  );
  await devbackup(lab, ["apply", "--yes"]);

  heading("The chain");
  await devbackup(lab, ["manifest", "list"]);
  await devbackup(lab, ["manifest", "chain", thisMonth]);
  say("What the bucket's owner sees:");
  for (const { key, sizeBytes } of await lab.bucket.list())
    say(`  ${String(sizeBytes).padStart(10)}  ${key}`);

  heading("Is the server's copy the same as the workstation's files?");
  await sameOnBoth(lab);

  heading(
    "Day two: is what is kept good for a restore? A drill restores it, compares, and notes how long it took",
  );
  await devbackup(lab, ["drill"]);

  heading("Day two: where everything stands");
  await devbackup(lab, ["status"]);

  heading("A second plan finds nothing to do");
  await devbackup(lab, ["plan", "--detailed-exitcode"]);
  say("It ended with 0: there is nothing left to do.");
}

/** Shows a script, runs it on the workstation as the user, shows what it prints. */
async function onWorkstation(lab: Lab, script: string): Promise<void> {
  for (const line of script.split("\n")) typed("dev@ws", line);
  process.stdout.write(await lab.must("ws", script, { user: "dev" }));
}

async function devbackup(lab: Lab, args: readonly string[]): Promise<void> {
  typed("", ["devbackup", ...args].join(" "));
  const { exitCode } = await lab.devbackup(args, { show: true });
  if (exitCode !== 0) throw new Error(`devbackup ${args[0]} ended with ${exitCode}`);
}

/** The lab's key and known hosts lie in its own folder, so the declaration has to say where. */
async function addLogin(lab: Lab): Promise<void> {
  const file = join(lab.dir, "desired-state/devbackup.yaml");
  const document = parseDocument(await readFile(file, "utf8"));
  for (const host of ["workstation", "server"]) {
    document.setIn(["hosts", host, "identity_file"], lab.identity);
    document.setIn(["hosts", host, "known_hosts"], lab.knownHosts);
  }
  await writeFile(file, document.toString({ lineWidth: 0 }));
  say("Added there by hand, for both hosts: where the demo's key and known hosts lie.");
  say(`  identity_file: ${lab.identity}\n  known_hosts: ${lab.knownHosts}`);
}

async function sameOnBoth(lab: Lab): Promise<void> {
  const listing = (folder: string) => `cd ${folder} && find . -type f -exec sha256sum {} + | sort -k2`;
  const [source, copy] = [
    await lab.must("ws", listing("/home/dev/code")),
    await lab.must("ls", listing("/srv/work/dev")),
  ];
  process.stdout.write(copy);
  if (source !== copy) throw new Error(`The workstation has something else:\n${source}`);
  say("Yes: /srv/work/dev on ls holds the files of /home/dev/code on ws.");
}

function farewell(lab: Lab): void {
  say(`Everything stays as it is, in ${lab.dir}.

  ssh -F ${lab.sshConfig} ws          # or ls; as root

  cd ${lab.dir}
  export R2_ACCESS_KEY_ID=${lab.bucket.accessKeyId} R2_SECRET_ACCESS_KEY=${lab.bucket.secretAccessKey}
  ${join(import.meta.dirname, "../bin/devbackup")} manifest list

To take it all down, as root:

  LAB_ID=${lab.id} LAB_NET=${lab.net} ${join(import.meta.dirname, "../test/lab/lab.sh")} down --all`);
}

function heading(text: string): void {
  console.log(`\n${styleText("bold", `== ${text}`)}`);
}

function say(text: string): void {
  console.log(text);
}

function typed(where: string, command: string): void {
  const line = `${where}$ ${command}`;
  // a long one as a person would break it, before its flags
  console.log(styleText("cyan", line.length <= COLUMNS ? line : line.replaceAll(" --", " \\\n    --")));
}
