import assert from "node:assert/strict";
import type { Lab, Machine } from "../lab/lab.ts";
import { clients, noResidue } from "../lab/residue.ts";
import type { Started } from "../lab/started.ts";
import { told } from "./told.ts";

/** One way of cutting off an apply that runs. */
export interface Blow {
  readonly name: string;
  /** Whether it is dealt to one of the machines, and not to the controller. */
  readonly atMachine: boolean;
  /** Resolves once the apply has ended and the machine is up again. @throws where either is not as promised */
  readonly deal: (lab: Lab, started: Started, machine: Machine) => Promise<void>;
}

/** How long an apply that was told to stop at once may take to end. */
const AT_ONCE_MS = 10_000;
/** How long what runs on a machine may take to end after an apply that was interrupted has. */
const WIND_DOWN_MS = 10_000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
let signalled = 0;

export const BLOWS: readonly Blow[] = [
  {
    name: "controller killed",
    atMachine: false,
    deal: async (_lab, started) => {
      started.signal("SIGKILL");
      await started.ended;
    },
  },
  {
    name: "signalled once",
    atMachine: false,
    deal: async (lab, started) => {
      // they do the same, and take turns
      started.signal(SIGNALS[signalled++ % SIGNALS.length] ?? "SIGINT");
      const result = await started.ended;
      // the action that was running may have been the last
      const done = /"event":"finished","result":"done"/.test(result.stdout);
      assert.equal(result.exitCode, done ? 0 : 130, told(result));
      assert.match(
        result.stderr,
        done ? /nothing left to do/ : /Stopping.*left undone.*next: /s,
        told(result),
      );
      await noResidue(lab, WIND_DOWN_MS);
    },
  },
  {
    name: "signalled twice",
    atMachine: false,
    deal: async (lab, started) => {
      started.signal("SIGINT");
      // two that are sent together may arrive as one
      await Promise.race([started.said(/Stopping/), started.ended]);
      started.signal("SIGINT");
      const begun = Date.now();
      const result = await started.ended;
      assert.ok(Date.now() - begun < AT_ONCE_MS, `it went on for ${Date.now() - begun} ms`);
      // it may have ended in between
      if (!result.stdout.includes('"event":"finished"')) {
        assert.equal(result.exitCode, 130, told(result));
        assert.match(result.stderr, /Stopped at once\..*next: devbackup apply/s, told(result));
      }
      assert.deepEqual(await clients(lab), [], "an ssh client was left behind");
    },
  },
  {
    name: "host killed",
    atMachine: true,
    deal: async (lab, started, machine) => {
      await lab.kill(machine);
      await Promise.all([lab.start(machine), started.ended]);
    },
  },
  {
    name: "cable out",
    atMachine: true,
    deal: async (lab, started, machine) => {
      await lab.cut(machine);
      try {
        await started.ended;
      } finally {
        await lab.heal(machine);
      }
    },
  },
  {
    name: "power cut",
    atMachine: true,
    deal: async (lab, started, machine) => {
      await lab.crash(machine);
      await Promise.all([lab.start(machine), started.ended]);
    },
  },
];

export const AT_CONTROLLER = BLOWS.filter(({ atMachine }) => !atMachine);
export const AT_MACHINES = BLOWS.filter(({ atMachine }) => atMachine);
