import type { Lab } from "../../test/lab/lab.ts";
import { inTurn, median, type Row, ratio, seconds, spread, times } from "./figures.ts";
import { actionMs, devbackup, measured, type Run } from "./measure.ts";

const MOST = 1.05;

/**
 * The artifact of one snapshot, made by devbackup and by hand. `config` is a desired state whose snapshot has
 * been taken and whose artifact has not been made; so it is left.
 */
export async function benchExport(lab: Lab, config: string, label: string, rounds: number): Promise<Row[]> {
  const byHand = handPipe(lab, label);
  const applies: number[] = [];
  // the first reads the disk, the others what the kernel has kept of it
  await byHand("proven");
  const figures = await inTurn(rounds, {
    hand: () => byHand("proven"),
    devbackup: async () => {
      const run = await devbackup(lab, [
        "apply",
        "--yes",
        "--json",
        "--only",
        "artifact",
        "--config",
        config,
      ]);
      applies.push(run.wallMs);
      await lab.must("ls", "cd /srv/btrfs-backups/dev && rm -f artifacts/anchors/* tmp/* && sync -f .");
      return actionMs(run, "artifact");
    },
    bare: () => byHand("bare"),
  });
  const share = ratio(figures.devbackup, figures.hand);
  const line = (what: string, ours: number[], theirs: number[], against: string, goal: Row["goal"]): Row => ({
    what,
    figure: seconds(median(ours)),
    against: `${against}: ${seconds(median(theirs))}`,
    ratio: times(ratio(ours, theirs)),
    goal,
    spread: Math.max(spread(ours), spread(theirs)),
  });
  const hand = "the same pipeline by hand, hashed at both ends";
  return [
    line("Artifact: the action, with its checks", figures.devbackup, figures.hand, hand, {
      text: `at most ${MOST} times`,
      met: share <= MOST,
    }),
    line("Artifact: the action", figures.devbackup, figures.bare, "by hand, not hashed", null),
    line("Artifact: `devbackup apply` from start to end", applies, figures.hand, hand, null),
  ];
}

/** What someone would type: both hosts as root, with the ciphers that devbackup asks for. */
function handPipe(lab: Lab, label: string): (kind: "proven" | "bare") => Promise<number> {
  const ssh = `ssh -F ${lab.sshConfig} -o Ciphers=aes128-gcm@openssh.com -o KexAlgorithms=curve25519-sha256`;
  const file = "/srv/by-hand.send.zst.age";
  const send = `btrfs -q send /home/dev/snapshots/dev@${label} | zstd -q -c -3 -T0 | age -R /etc/devbackup/ls_dev_backup.pub`;
  const pipes = {
    proven: {
      ws: `${send} | tee >(openssl dgst -sha256 -r >/run/by-hand)`,
      ls: `tee ${file} | openssl dgst -sha256 -r; sync ${file}`,
    },
    bare: { ws: send, ls: `cat >${file}; sync ${file}` },
  };
  return async (kind) => {
    const { ws, ls } = pipes[kind];
    const line = `${ssh} ws 'bash -o pipefail -c "${ws}"' | ${ssh} ls 'bash -o pipefail -c "${ls}"'`;
    const run: Run = await measured("bash", ["-o", "pipefail", "-c", line]);
    await lab.must("ls", `rm -f ${file} && sync -f /srv`);
    return run.wallMs;
  };
}
