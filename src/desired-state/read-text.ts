import { readFileSync } from "node:fs";
import { problemOf, type StateProblem } from "./problem.ts";

export type ReadText =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "refused"; readonly problem: StateProblem };

const LARGEST_BYTES = 1024 * 1024;

/** Reads one file as UTF-8; whatever keeps it from being read is a problem, never an exception. */
export function readText(path: string, file: string, format: "YAML" | "TOML"): ReadText {
  const refused = (wrong: string, right: string): ReadText => ({
    kind: "refused",
    problem: problemOf(file, wrong, right),
  });
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    if (code === "EISDIR") return refused("this is a directory, not a file", `a ${format} file`);
    if (code === "EACCES") return refused("this file may not be read", `read permission: chmod u+r ${file}`);
    return refused(`this file cannot be read (${code})`, "a file that can be read");
  }
  if (bytes.length > LARGEST_BYTES)
    return refused("this file is larger than 1 MiB", "a configuration of a few kilobytes");
  try {
    // the decoder takes a byte order mark away
    return { kind: "text", text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return refused("this file is not text: it is not valid UTF-8", `${format}, saved as UTF-8`);
  }
}
