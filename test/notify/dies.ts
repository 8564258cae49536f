import { openRuns } from "../../src/controller/runs.ts";
import { beginTelling } from "../../src/notify/telling.ts";

/** A run that goes on until it is killed. */
const [home = "", url = "", file = ""] = process.argv.slice(2);
await beginTelling({
  run: { what: "apply", command: "devbackup apply", who: "root@ls" },
  ways: [{ on: ["start", "failure"], way: { kind: "ntfy", url } }],
  datasets: ["dev"],
  files: [file],
  whole: true,
  byHand: false,
  runs: openRuns({ home, env: {} }),
  env: process.env,
  secretEnv: process.env,
  now: () => new Date(),
  warn: console.error,
});
console.log("it runs");
setInterval(() => {}, 1_000);
