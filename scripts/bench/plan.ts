import { connect } from "node:net";
import type { Lab } from "../../test/lab/lab.ts";
import { inTurn, median, type Row, ratio, seconds, spread, times } from "./figures.ts";
import { devbackup } from "./measure.ts";

type End = "ws" | "ls" | "s3";

const FAR_MS = 100;
/** Long enough that the machine's own ups and downs weigh little beside it. */
const COUNTING_MS = 500;
const MOST_ROUND_TRIPS = 11;
const MOST_MS = 1000;
const PORTS: Readonly<Record<End, number>> = { ws: 22, ls: 22, s3: 9000 };

/** `plan` on two hosts and a bucket: near, far, and with one end's cable at a time so long that it can be counted. */
export async function benchPlan(lab: Lab, config: string, rounds: number): Promise<Row[]> {
  const roundTripsMs: Record<End, number[]> = { ws: [], ls: [], s3: [] };
  const at = (ends: readonly End[], roundTripMs: number) => async (): Promise<number> => {
    for (const end of ends) await lab.netem(end, roundTripMs / 2);
    for (const end of ends) {
      // who has which address is asked anew over a new cable, and is no part of a plan
      await reachMs(lab.addresses[end], PORTS[end]);
      // on a machine with other work the line takes longer than it was told
      const tries = [
        await reachMs(lab.addresses[end], PORTS[end]),
        await reachMs(lab.addresses[end], PORTS[end]),
      ];
      if (roundTripMs === COUNTING_MS) roundTripsMs[end].push(median(tries));
    }
    const { wallMs } = await devbackup(lab, ["plan", "--config", config]);
    for (const end of ends) await lab.netem(end, 0);
    return wallMs;
  };
  const figures = await inTurn(rounds, {
    near: at([], 0),
    far: at(["ws", "ls", "s3"], FAR_MS),
    ws: at(["ws"], COUNTING_MS),
    ls: at(["ls"], COUNTING_MS),
    s3: at(["s3"], COUNTING_MS),
  });
  const near = median(figures.near);
  const walls: Row[] = [
    {
      what: "`plan`, two hosts and a bucket, 0 ms away",
      figure: seconds(near),
      against: "",
      ratio: "",
      goal: { text: `under ${seconds(MOST_MS)}`, met: near < MOST_MS },
      spread: spread(figures.near),
    },
    {
      what: `\`plan\`, all of them ${FAR_MS} ms away`,
      figure: seconds(median(figures.far)),
      against: `0 ms away: ${seconds(near)}`,
      ratio: times(ratio(figures.far, figures.near)),
      goal: null,
      spread: spread(figures.far),
    },
  ];
  const counted = (end: End, what: string, most: number | null): Row => {
    // other work only ever adds: the quickest rounds are the truest
    const trips = (Math.min(...figures[end]) - Math.min(...figures.near)) / median(roundTripsMs[end]);
    const count = Math.round(trips);
    return {
      what: `\`plan\`, round trips to the ${what}`,
      figure: `${count} (${trips.toFixed(1)})`,
      against: `${what} ${COUNTING_MS} ms away: ${seconds(median(figures[end]))}`,
      ratio: "",
      goal: most === null ? null : { text: `at most ${most}`, met: count <= most },
      spread: spread(figures[end]),
    };
  };
  return [
    ...walls,
    counted("ws", "workstation", MOST_ROUND_TRIPS),
    counted("ls", "server", MOST_ROUND_TRIPS),
    counted("s3", "bucket", null),
  ];
}

/** One round trip: a connection is asked for and granted. */
const reachMs = (host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const begun = performance.now();
    const socket = connect({ host, port }, () => {
      resolve(performance.now() - begun);
      socket.destroy();
    });
    socket.once("error", reject);
  });
