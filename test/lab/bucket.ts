/**
 * The lab's bucket, run inside the namespace `s3`: `bucket.ts FILE STORE OPTIONS`. Once it is up, FILE holds
 * how to reach it, as JSON; it serves until it is killed.
 */
import { rename, writeFile } from "node:fs/promises";
import { startR2, startSwift } from "./s3/servers.ts";

const [file = "", store = "r2", options = "{}"] = process.argv.slice(2);
const { stop, ...reached } = await (store === "swift" ? startSwift : startR2)(JSON.parse(options));
await writeFile(`${file}.new`, JSON.stringify(reached));
await rename(`${file}.new`, file);
process.once("SIGTERM", () => void stop().then(() => process.exit(0)));
