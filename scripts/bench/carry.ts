import type { Lab } from "../../test/lab/lab.ts";
import { inTurn, mebibytes, median, type Row, ratio, seconds, spread, times } from "./figures.ts";
import { actionMs, devbackup, measured, type Run } from "./measure.ts";

const MOST_BYTES = 150 * 1024 ** 2;
/** What counts as flat: another run of the same may differ by as much. */
const MOST_GROWTH = 1.1;

/** The controller's memory while the artifact travels and is uploaded: one apply of each size, start to end. */
export async function benchMemory(
  lab: Lab,
  small: { config: string; sizeBytes: number },
  large: { config: string; sizeBytes: number },
): Promise<Row[]> {
  const peak = async ({ config }: { config: string }) =>
    (await devbackup(lab, ["apply", "--yes", "--json", "--config", config])).peakBytes;
  const [least, most] = [await peak(small), await peak(large)];
  const growth = most / least;
  return [
    {
      what: `Peak memory of the controller, backup of ${mebibytes(large.sizeBytes)}`,
      figure: mebibytes(most),
      against: `of ${mebibytes(small.sizeBytes)}: ${mebibytes(least)}`,
      ratio: times(growth),
      goal: {
        text: `under ${mebibytes(MOST_BYTES)}, at most ${MOST_GROWTH} times`,
        met: most < MOST_BYTES && growth <= MOST_GROWTH,
      },
      spread: null,
    },
  ];
}

/** The artifact into the bucket, in parts by devbackup and whole by curl from the same server. */
export async function benchUpload(lab: Lab, config: string, rounds: number): Promise<Row[]> {
  await devbackup(lab, ["apply", "--yes", "--config", config]);
  const { key, sizeBytes } = await artifactInBucket(lab);
  const file = `/srv/btrfs-backups/${key}`;
  const client = await lab.bucket.client();
  const { DeleteObjectCommand, PutObjectCommand } = await import("@aws-sdk/client-s3");
  const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
  const Bucket = lab.bucket.bucket;
  const gone = (Key: string) => client.send(new DeleteObjectCommand({ Bucket, Key }));
  const figures = await inTurn(rounds, {
    devbackup: async () => {
      await gone(key);
      const run = await devbackup(lab, ["apply", "--yes", "--json", "--only", "cloud", "--config", config]);
      return actionMs(run, "upload");
    },
    curl: async () => {
      const url = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "by-hand" }));
      const script = `curl -fsS -H Expect: -T ${file} '${url}'`;
      const run: Run = await measured("ssh", ["-F", lab.sshConfig, "ls", script]);
      await gone("by-hand");
      return run.wallMs;
    },
  });
  client.destroy();
  const rate = sizeBytes / 1024 ** 2 / (median(figures.devbackup) / 1000);
  return [
    {
      what: `Upload of ${mebibytes(sizeBytes)}: the action, in parts, with its checks`,
      figure: `${seconds(median(figures.devbackup))}, ${rate.toFixed(0)} MiB/s`,
      against: `\`curl -T\` of the whole, nothing checked: ${seconds(median(figures.curl))}`,
      ratio: times(ratio(figures.devbackup, figures.curl)),
      goal: null,
      spread: Math.max(spread(figures.devbackup), spread(figures.curl)),
    },
  ];
}

async function artifactInBucket(lab: Lab): Promise<{ key: string; sizeBytes: number }> {
  const found = (await lab.bucket.list("dev/artifacts/anchors/"))[0];
  if (found === undefined) throw new Error("the artifact is not in the bucket");
  return found;
}
