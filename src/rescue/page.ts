import type { SecretRef } from "../desired-state/desired-state.ts";
import { type Html, html, raw } from "../domain/html.ts";
import { printableText } from "../domain/printable.ts";
import { fingerprintOf } from "../transport/hash.ts";
import { command, quote } from "../transport/quote.ts";
import { type Settings, UNKNOWN_SERVER } from "./settings.ts";

/** The page of a kit, before it becomes text or HTML. */
export interface Page {
  readonly title: string;
  readonly intro: string;
  readonly sections: readonly Section[];
}

interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
}

type Block =
  | { readonly kind: "text"; readonly text: string }
  /** To be typed as it stands, or with what stands in capitals put in its place. */
  | { readonly kind: "commands"; readonly lines: readonly string[] }
  /** Filled in by hand, on paper. */
  | { readonly kind: "blank"; readonly text: string };

const text = (line: string): Block => ({ kind: "text", text: line });
const type = (...lines: readonly string[]): Block => ({ kind: "commands", lines });
const blank = (line: string): Block => ({ kind: "blank", text: line });

/** The bad day in numbered steps, with the names of this desired state. */
export function rescuePage(settings: Settings, now: Date): Page {
  const { spec } = settings;
  return {
    title: `Restoring ${spec.name} without devbackup`,
    intro: `Made by devbackup rescue-kit on ${now.toISOString().slice(0, 10)}. Nothing in this kit is secret. The scripts change nothing that is there already: each says what it does, stops where something is not as it should be and says what to do, and can be run again after being cut off. Take your time.`,
    sections: [
      needed(settings),
      lost(settings),
      keysStep(settings),
      fetchStep(settings),
      serverStep(settings),
      workstationStep(settings),
      afterwards(settings),
      olderLabel(settings),
      otherPlace(settings),
      withoutServer(settings),
      stopped(),
      byHand(settings),
    ],
  };
}

const needed = (settings: Settings): Section => ({
  title: "What you need",
  blocks: [
    ...identityNeeded(settings),
    ...bucketNeeded(settings),
    ...(settings.seen.signer === null
      ? [
          text(
            "The fingerprint of the server's signing key (SHA256:…; devbackup keys show tells it). It was not known when this kit was made, and will be shown to you to compare.",
          ),
          blank("The fingerprint:"),
        ]
      : [
          text(
            `The server signs its manifest with the key ${fingerprintOf(settings.seen.signer)}. Where devbackup or a script shows another one, do not go on.`,
          ),
        ]),
    text("This folder on each machine, on a stick or copied there, and these programs:"),
    type("apt-get install btrfs-progs zstd age openssl curl"),
    text("Steps 1 to 3 are typed as root (sudo -i), in this folder; step 4 as you, with sudo."),
  ],
});

const identityNeeded = ({ spec, recipients }: Settings): readonly Block[] =>
  recipients.length === 0
    ? [
        text(
          `NO RECOVERY RECIPIENT WAS DECLARED when this kit was made, so there is no escrow: without a copy of ${spec.repository}/keys nothing in the bucket can be opened. Declare one (devbackup keys new-recovery) and make the kit anew.`,
        ),
      ]
    : [
        text(
          `The recovery identity: the page that was printed when it was made, and its passphrase. It belongs to ${recipients.join(", ")}. Save the block on the page (the code on it holds the same) as a file, here called devbackup-recovery.age.`,
        ),
        blank("The identity's page lies:"),
        blank("Its passphrase is kept:"),
      ];

const bucketNeeded = ({ cloud }: Settings): readonly Block[] =>
  cloud === null
    ? [
        text(
          "A disk with a copy of the repository: no bucket was declared when this kit was made. DISK is where that copy lies.",
        ),
      ]
    : [
        text(
          `The login to the bucket ${cloud.bucket} at ${cloud.endpoint}: an access key id (it was read from ${placeOf(cloud.accessKeyId)}) and a secret access key (${placeOf(cloud.secretAccessKey)}). The scripts ask for it; or they take it from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from the two lines of a file of mode 600 that CREDENTIALS names. Or a disk with a copy of the repository.`,
        ),
        blank("The bucket's login is kept:"),
      ];

const lost = ({ spec }: Settings): Section => ({
  title: "What is lost?",
  blocks: [
    text(
      `The workstation alone: go to step 4. The server alone: steps 1 to 3. Both: steps 1 to 4. The server for good: see "Without a server" below. If ${spec.repository} is still there, do not move it away: steps 1 and 2 keep what is there, and fetch only what is missing.`,
    ),
  ],
});

const keysStep = ({ spec, cloud }: Settings): Section => ({
  title: "Step 1, on the server: the keys",
  blocks: [
    text(
      `Mount the Btrfs disk on which ${spec.repository} lies, or is to lie. This opens the escrow and puts the server's keys into ${spec.repository}/keys. age asks for the identity's passphrase.`,
    ),
    type(`${cloud === null ? "FROM=DISK " : ""}sh 1-keys.sh devbackup-recovery.age`),
  ],
});

const fetchStep = ({ spec, cloud }: Settings): Section => ({
  title: "Step 2, on the server: the backups",
  blocks: [
    text(
      `This fetches the newest label of ${spec.name} and what it is made of, and checks all of it. It can take hours; cut off, it goes on where it was.`,
    ),
    type(`${cloud === null ? "FROM=DISK " : ""}sh 2-fetch.sh`),
    text("What lies on the server can be checked at any time, on good days too; this changes nothing:"),
    type("sh verify.sh"),
  ],
});

const serverStep = ({ spec }: Settings): Section => ({
  title: "Step 3, on the server: the snapshots",
  blocks: [
    text(
      `This receives them into ${spec.repository}/restore/worktree_receive${spec.workingCopy === null ? "" : `, and makes the working copy ${spec.workingCopy}`}.`,
    ),
    type("sh 3-server.sh"),
  ],
});

const workstationStep = ({ spec, server }: Settings): Section => ({
  title: "Step 4, on the workstation: your files",
  blocks: [
    text(
      `The user ${spec.owner} has to exist, with the numeric id that it had, and ${spec.path} must not: this kit never overwrites. Btrfs has to be mounted where ${spec.path} and ${spec.snapshots} are to lie.`,
    ),
    ...(server === "" || server === UNKNOWN_SERVER
      ? []
      : [
          text(
            `You need to be able to log in to the server; try it as ${spec.owner}, and run the script with sudo as that user. Where the server has a new address or login, change SERVER in settings.sh.`,
          ),
          type(`ssh ${quote(server)} true`),
        ]),
    ...(server === UNKNOWN_SERVER
      ? [text("First fill in SERVER in settings.sh: how this machine reaches the server, as ssh takes it.")]
      : []),
    type("sudo sh 4-workstation.sh"),
    text(
      `Your files are at ${spec.path}. The read-only snapshot in ${spec.snapshots} stays: the next increment builds on it.`,
    ),
  ],
});

const afterwards = ({ spec }: Settings): Section => ({
  title: "Afterwards",
  blocks: [
    text(
      "Install devbackup again where it ran, with its desired state, and look at what it would do before it does it. The next backup is an increment, as always.",
    ),
    type(`devbackup plan --dataset ${spec.name}`),
    text("Change the bucket's login and make a new recovery identity if a stranger could have seen them."),
  ],
});

const olderLabel = ({ spec }: Settings): Section => ({
  title: "Another label than the newest",
  blocks: [
    text(
      `Each script but the first takes one. The labels are the second column of ${spec.repository}/manifests/snapshots_v2.tsv. After an older one, the next backup may be an anchor.`,
    ),
    type("sh 2-fetch.sh LABEL", "sh 3-server.sh LABEL", "sh 4-workstation.sh LABEL"),
  ],
});

const otherPlace = ({ spec, cloud }: Settings): Section => ({
  title: "From a disk, or with rclone",
  blocks: [
    text(
      "Steps 1 and 2 take everything from a folder that FROM names. It holds artifacts/, manifests/ and keys/, as the repository and the bucket do. Where there is a bucket as well, devbackup asks afterwards before it replaces the manifest and the escrow there: the scripts have not seen whether they are this repository's own.",
    ),
    type(
      `FROM=/media/disk/${spec.name} sh 1-keys.sh devbackup-recovery.age`,
      `FROM=/media/disk/${spec.name} sh 2-fetch.sh`,
    ),
    ...(cloud === null
      ? []
      : [
          text(
            "rclone can bring that folder where curl cannot; REMOTE is what you called the store in its configuration.",
          ),
          type(
            `rclone copy ${quote(`REMOTE:${cloud.bucket}/${cloud.prefix}${spec.name}`)} /media/disk/${spec.name}`,
          ),
        ]),
  ],
});

const withoutServer = ({ spec }: Settings): Section => ({
  title: "Without a server",
  blocks: [
    text(
      "The workstation alone can do it, with room for the backups in a folder of its own. The server's keys lie there meanwhile: delete the folder's keys/ when you are done, or move the folder to the new server.",
    ),
    type(
      `export COPY=/home/rescue-${spec.name}`,
      "sh 1-keys.sh devbackup-recovery.age",
      "sh 2-fetch.sh",
      "sh 4-workstation.sh",
    ),
  ],
});

const stopped = (): Section => ({
  title: "When a script stops",
  blocks: [
    text(
      "It says STOPPED, why, and what to do. Nothing that was there was changed, and running it again is safe. Exit code 6 means that something stored is damaged, missing or not authentic: do not go around that, take another copy.",
    ),
  ],
});

const byHand = ({ spec }: Settings): Section => ({
  title: "What the scripts come down to",
  blocks: [
    text("For the anchor first, and then each increment in order:"),
    type(`age -d -i ls_${spec.name}_backup.key ARTIFACT | zstd -d | btrfs receive FOLDER`),
  ],
});

function placeOf(secret: SecretRef): string {
  switch (secret.kind) {
    case "env":
      return `the environment variable ${secret.name}`;
    case "file":
      return `the file ${secret.path}`;
    case "command":
      return `the command ${command(secret.argv.slice(0, 1))}`;
  }
}

const TEXT_WIDTH = 92;

/** For a console; lines of text are at most 92 columns, commands stand as they are to be typed. */
export function pageText({ title, intro, sections }: Page): string {
  const block = (given: Block): string => {
    if (given.kind === "commands") return given.lines.map((line) => `    ${line}`).join("\n");
    return given.kind === "blank" ? `${given.text} ${"_".repeat(40)}` : wrapped(given.text);
  };
  const section = ({ title: heading, blocks }: Section): string =>
    [`${heading}\n${"-".repeat(heading.length)}`, ...blocks.map(block)].join("\n\n");
  return printableText(
    `${[`${title}\n${"=".repeat(title.length)}`, wrapped(intro), ...sections.map(section)].join("\n\n")}\n`,
  );
}

function wrapped(paragraph: string): string {
  const lines: string[] = [];
  for (const word of paragraph.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= TEXT_WIDTH)
      lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}

/** To be printed: one file, black on white, without script or network. */
export function pageHtml({ title, intro, sections }: Page): string {
  const block = (given: Block): Html => {
    if (given.kind === "commands") return html`<pre>${given.lines.join("\n")}</pre>\n`;
    return given.kind === "blank"
      ? html`<p class="blank">${given.text}<u></u></p>\n`
      : html`<p>${given.text}</p>\n`;
  };
  const section = ({ title: heading, blocks }: Section): Html =>
    html`<section>\n<h2>${heading}</h2>\n${blocks.map(block)}</section>\n`;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
${raw(`<style>${STYLE}</style>`)}
<h1>${title}</h1>
<p>${intro}</p>
${sections.map(section)}</html>
`.markup;
}

const STYLE = `
@page { size: A4; margin: 16mm }
body { max-width: 178mm; margin: 0 auto; padding: 0 4mm; background: #fff; color: #000; font: 11pt/1.4 sans-serif }
h1 { font-size: 18pt; border-bottom: 0.6mm solid }
h2 { font-size: 13pt; margin: 6mm 0 1mm }
section { break-inside: avoid }
p { margin: 1.5mm 0; overflow-wrap: anywhere }
pre { font-size: 10.5pt; border: 0.3mm solid; padding: 2mm 3mm; margin: 2mm 0; white-space: pre-wrap; overflow-wrap: anywhere }
.blank { display: flex; gap: 3mm; margin: 3mm 0 }
u { flex: 1; border-bottom: 0.3mm dotted; text-decoration: none }
`;
