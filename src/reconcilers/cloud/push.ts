import { type AbsolutePath, parseSha256 } from "../../domain/names.ts";
import type { Host } from "../../transport/host.ts";
import { sh } from "../../transport/quote.ts";
import type { Tools } from "../reconciler.ts";
import { expectSuccess, type Failure, replaceFile } from "../run-script.ts";

export interface Push {
  readonly host: Host;
  /** On the server: what is sent. */
  readonly file: AbsolutePath;
  readonly key: string;
  readonly note: AbsolutePath;
  /** Of what it was made from; what the note will say. */
  readonly sha256: string;
  readonly failure: Failure;
  /** Runs before the note is written, which tells the next look that nothing is left to do. */
  readonly settle?: string;
}

/** Sends a small file, replacing what is there, and notes it. Whatever is cut off once it has begun, what is there is ours. */
export async function push(
  { host, file, key, note, sha256, failure, settle = "" }: Push,
  { bucket, signal }: Pick<Tools, "bucket" | "signal">,
): Promise<void> {
  const made = await expectSuccess(
    host,
    sh`
umask 077
[ -e ${note} ] || echo ${`${sha256} 0 -`} >${note}
sha256sum <${file} | cut -c1-64; stat -c %s ${file}`,
    failure,
  );
  const [sum = "", size = ""] = made.stdout.split("\n");
  const fileSha256 = parseSha256(sum);
  if (fileSha256 === undefined) throw new RangeError("sha256sum printed no hash");
  const { etag, sizeBytes } = await (await bucket()).upload(host, {
    file,
    key,
    sizeBytes: Number(size),
    sha256: fileSha256,
    statePath: `${file}.upload`,
    signal,
  });
  await expectSuccess(host, `umask 077${settle}${replaceFile(note)}`, {
    ...failure,
    stdin: `${sha256} ${sizeBytes} ${etag}\n`,
  });
}
