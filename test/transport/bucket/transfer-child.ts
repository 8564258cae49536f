/** Uploads what stdin tells of, as JSON, brings it back, and prints how much memory this process took at most. */
import { text } from "node:stream/consumers";
import type { AbsolutePath } from "../../../src/domain/names.ts";
import type { UploadRequest } from "../../../src/transport/bucket/upload-job.ts";
import type { S3Server } from "../../lab/s3/servers.ts";
import { bucketOf, host, MIB } from "./fixture.ts";

const { server, request } = JSON.parse(await text(process.stdin)) as {
  server: S3Server;
  request: UploadRequest;
};
let mostRssBytes = 0;
const watch = setInterval(() => {
  mostRssBytes = Math.max(mostRssBytes, process.memoryUsage.rss());
}, 50);
const bucket = await bucketOf(server, { partSizeBytes: 64 * MIB });
const { parts } = await bucket.upload(host, request);
await bucket.download(host, { ...request, file: `${request.file}.fetched` as AbsolutePath });
clearInterval(watch);
bucket.close();
await host.close();
console.log(JSON.stringify({ parts, mostRssBytes }));
