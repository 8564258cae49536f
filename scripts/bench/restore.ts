import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Lab, Machine } from "../../test/lab/lab.ts";
import { fillDataset } from "./dataset.ts";
import { inTurn, mebibytes, median, type Row, ratio, seconds, spread, times } from "./figures.ts";
import { actionMs, devbackup, measured } from "./measure.ts";

const MOST = 1.05;
const LABELS = ["2090-01", "2090-02", "2090-03"] as const;
const NEWEST = `chain@${LABELS.at(-1)}`;
const REPOSITORY = "/srv/btrfs-backups/chain";
const HYDRATED = `${REPOSITORY}/restore/worktree_receive`;
const BY_HAND = { ws: "/home/dev/by-hand", ls: "/srv/by-hand" };
/** Everything of the dataset on a machine, whichever way it came there. */
const SUBVOLUMES = {
  ws: `/home/dev/chain /home/dev/snapshots/chain@* ${BY_HAND.ws}/*`,
  ls: `${HYDRATED}/* /srv/work/chain ${BY_HAND.ls}/received/* ${BY_HAND.ls}/working-copy`,
};

/** For the page. */
export const ABOUT =
  "Restore: before each way all that the machine has of the dataset is deleted (snapshots, dataset and working copy; on the server the whole repository, keys included), deletion and disk are waited for, and the kernel's cache is emptied. The machine itself is not wiped: its packages are there. By hand the server's identity is there too, the addresses are signed beforehand and the hash is openssl's; devbackup opens the escrow with a recovery identity without passphrase. Both ways end with a sync of the file system.";

interface Artifact {
  readonly file: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * An anchor and two increments, `sizeBytes` of data in all, brought back to a server and then to a workstation that
 * have lost them. The packages are there on both before; a machine is not wiped for it: all that it has of the
 * dataset is deleted.
 */
export async function benchRestore(lab: Lab, sizeBytes: number, rounds: number): Promise<Row[]> {
  const { config, identity } = await desiredState(lab);
  const chain = await makeChain(lab, config, sizeBytes);
  const apply = ["apply", "--yes", "--json", "--restore", "latest", "--config", config];
  const lose = async (machine: Machine, ...more: string[]) => {
    await forget(lab, machine);
    // the programs are in the cache again, the data is not
    await devbackup(lab, ["plan", "--restore", "latest", "--config", config, ...more]);
  };

  const withIdentity = ["--identity", identity];
  const applies: Record<Machine, number[]> = { ws: [], ls: [] };
  const ours = async (machine: Machine, more: readonly string[], kinds: readonly string[]) => {
    const run = await devbackup(lab, [...apply, ...more]);
    applies[machine].push(run.wallMs);
    return actionMs(run, ...kinds);
  };
  const server = await inTurn(rounds, {
    hand: async () => {
      await lose("ls", ...withIdentity);
      return serverByHand(lab, chain);
    },
    devbackup: async () => {
      await lose("ls", ...withIdentity);
      return ours("ls", withIdentity, ["fetch", "hydrate", "working-copy"]);
    },
  });
  const workstation = await inTurn(rounds, {
    hand: async () => {
      await lose("ws");
      return workstationByHand(lab);
    },
    devbackup: async () => {
      await lose("ws");
      return ours("ws", [], ["receive", "worktree"]);
    },
  });

  const storedBytes = chain.reduce((sum, artifact) => sum + artifact.sizeBytes, 0);
  const line = (what: string, own: number[], hand: number[], against: string, goal: boolean): Row => ({
    what,
    figure: seconds(median(own)),
    against: `${against}: ${seconds(median(hand))}`,
    ratio: times(ratio(own, hand)),
    goal: goal ? { text: `at most ${MOST} times`, met: ratio(own, hand) <= MOST } : null,
    spread: Math.max(spread(own), spread(hand)),
  });
  const size = `${mebibytes(sizeBytes)}, ${chain.length} artifacts of ${mebibytes(storedBytes)}`;
  const objects = "curl, hash, `age \\| zstd \\| btrfs receive` of each, snapshot, sync";
  const stream = "`btrfs send \\| zstd \\| ssh \\| zstd \\| btrfs receive`, snapshot, sync";
  const whole = (machine: string) => `Restore of the ${machine}: \`devbackup apply\` from start to end`;
  return [
    line(
      `Restore of the server (${size}): fetch, hydrate and working copy, with their checks`,
      ...([server.devbackup, server.hand, objects, true] as const),
    ),
    line(whole("server"), applies.ls, server.hand, objects, false),
    line(
      `Restore of the workstation (${mebibytes(sizeBytes)}): receive and worktree, with their checks`,
      ...([workstation.devbackup, workstation.hand, stream, true] as const),
    ),
    line(whole("workstation"), applies.ws, workstation.hand, stream, false),
  ];
}

/** Its recovery identity has no passphrase: how long that takes to try is not what is asked. */
async function desiredState(lab: Lab): Promise<{ config: string; identity: string }> {
  const identity = join(lab.dir, "bench-recovery.key");
  await writeFile(identity, execFileSync("age-keygen", { stdio: ["ignore", "pipe", "ignore"] }), {
    mode: 0o600,
  });
  const recipient = execFileSync("age-keygen", ["-y", identity], { encoding: "utf8" }).trim();
  const config = await lab.desiredState({
    datasets: {
      dev: undefined,
      chain: {
        ...{ path: "/home/dev/chain", snapshots: "/home/dev/snapshots", owner: "dev" },
        ...{ repository: REPOSITORY, working_copy: "/srv/work/chain" },
        retention: { workstation_snapshots: "all", server_snapshots: "all" },
      },
    },
    encryption: { recovery_recipients: [recipient] },
  });
  return { config, identity };
}

/** Half of the data in the anchor, a quarter in each increment; the server's identity is kept beside, for the hand. */
async function makeChain(lab: Lab, config: string, sizeBytes: number): Promise<Artifact[]> {
  await devbackup(lab, ["apply", "--yes", "--only", "provision", "--config", config]);
  for (const [at, label] of LABELS.entries()) {
    await fillDataset(lab, `/home/dev/chain/${label}`, sizeBytes / (at === 0 ? 2 : 4));
    await devbackup(lab, ["apply", "--yes", "--label", label, "--config", config]);
  }
  const manifest = await lab.must("ls", `cat ${REPOSITORY}/manifests/snapshots_v2.tsv`);
  await lab.must("ls", `install -m 400 ${REPOSITORY}/keys/ls_chain_backup.key /root/by-hand.key`);
  const [head = "", ...lines] = manifest.trimEnd().split("\n");
  const columns = head.split("\t");
  return lines.map((line) => {
    const cells = line.split("\t");
    const cell = (name: string) => cells[columns.indexOf(name)] ?? "";
    return {
      file: cell("local_path").replace(/.*\//, ""),
      key: cell("object_key"),
      sizeBytes: Number(cell("bytes")),
      sha256: cell("sha256"),
    };
  });
}

/** Takes from a machine all that it has of the dataset; then nothing of it is in the kernel's cache either. */
async function forget(lab: Lab, machine: Machine): Promise<void> {
  const top = machine === "ws" ? "/home" : "/srv";
  await lab.must(
    machine,
    `set -e
for s in ${SUBVOLUMES[machine]}; do [ ! -e "$s" ] || btrfs -q subvolume delete "$s"; done
rm -rf ${BY_HAND[machine]} ${machine === "ls" ? REPOSITORY : ""}
btrfs filesystem sync ${top}
btrfs -q subvolume sync ${top}
mkdir ${BY_HAND[machine]}`,
  );
  execFileSync("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
}

/** What someone would type on the server, its identity in place; on the disk in the end, as ours is. */
async function serverByHand(lab: Lab, chain: readonly Artifact[]): Promise<number> {
  const client = await lab.bucket.client();
  const lines: string[] = [];
  for (const { key, file } of chain) {
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket: lab.bucket.bucket, Key: key }));
    lines.push(`curl -fsS -o ${file} '${url}'`);
  }
  client.destroy();
  for (const { file, sha256 } of chain)
    lines.push(`[ "$(openssl dgst -sha256 -r ${file} | cut -c1-64)" = ${sha256} ]`);
  for (const { file } of chain)
    lines.push(`age -d -i /root/by-hand.key ${file} | zstd -q -d -c | btrfs -q receive -e received`);
  lines.push(`btrfs -q subvolume snapshot received/${NEWEST} working-copy`, "btrfs filesystem sync .");
  const script = ["set -eo pipefail", `cd ${BY_HAND.ls}`, "mkdir received", ...lines].join("\n");
  const run = await measured("ssh", ["-F", lab.sshConfig, "ls", script]);
  return run.wallMs;
}

/** What someone would type on the controller: both hosts as root, with the ciphers that devbackup asks for. */
async function workstationByHand(lab: Lab): Promise<number> {
  const ssh = `ssh -F ${lab.sshConfig} -o Ciphers=aes128-gcm@openssh.com -o KexAlgorithms=curve25519-sha256`;
  const [to, set] = [BY_HAND.ws, "set -eo pipefail"];
  const line = `${ssh} ls '${set}; btrfs -q send ${HYDRATED}/${NEWEST} | zstd -q -c -1' |
${ssh} ws '${set}; zstd -q -d -c | btrfs -q receive -e ${to}
btrfs -q subvolume snapshot ${to}/${NEWEST} ${to}/chain; btrfs filesystem sync ${to}'`;
  const run = await measured("bash", ["-o", "pipefail", "-c", line]);
  return run.wallMs;
}
