// Cloudflare's own R2 simulator with its S3 interface.
// usage: node r2.mjs HOST PORT DIR BUCKET[,BUCKET]   (PORT 0: any free one)
// Credentials: R2_KEY and R2_SECRET, or test-key and the one below. Prints "ready ENDPOINT"; ends when stdin does.
import { Log, LogLevel, Miniflare } from "miniflare";

const [host = "127.0.0.1", port = "0", dir = "./r2-data", buckets = "test-bucket"] = process.argv.slice(2);
const s3Credentials = {
  accessKeyId: process.env.R2_KEY || "test-key",
  secretAccessKey: process.env.R2_SECRET || "no-one-may-find-this-bucket-secret",
};
const simulator = new Miniflare({
  host,
  port: Number(port),
  cf: false,
  log: new Log(LogLevel.WARN),
  modules: true,
  compatibilityDate: "2026-01-01",
  script: 'export default { fetch() { return new Response("r2") } }',
  // it answers to other names than localhost only where a route has them: its own, and the lab's controller's,
  // whose name comes with what a proxy there passes on
  routes: [...new Set([`${host}/*`, `${host.replace(/\.\d+$/, ".1")}/*`])],
  r2Persist: dir,
  r2Buckets: Object.fromEntries(
    buckets.split(",").map((bucket, index) => [`B${index}`, { id: bucket, s3Credentials }]),
  ),
});
const url = await simulator.ready;
// listening elsewhere than on the loopback, it names a second port that is on the loopback alone
console.log(`ready http://${host}:${Number(port) || url.port}/cdn-cgi/local/r2/s3`);

const stop = async () => {
  await simulator.dispose();
  process.exit(0);
};
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
process.stdin.on("end", stop).resume();
