// node scripts/audit.mjs: known vulnerabilities of what is in the program (the production tree of package-lock.json).
// Ends with 1 where there is one. A registry that does not answer the question is told, and is neither: nobody knows.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * What `npm audit --json` has said: `{ kind: "clean" }`, `{ kind: "vulnerable", names }` or `{ kind: "no-answer", why }`.
 * Its exit code is 1 for the last two alike.
 */
export function verdictOf(stdout) {
  let said;
  try {
    said = JSON.parse(stdout);
  } catch {
    return { kind: "no-answer", why: stdout.trim().slice(0, 500) || "npm said nothing" };
  }
  const { vulnerabilities } = said;
  if (
    typeof said.auditReportVersion !== "number" ||
    typeof vulnerabilities !== "object" ||
    vulnerabilities === null
  )
    return { kind: "no-answer", why: said.message ?? said.error?.summary ?? "npm gave no report" };
  const names = Object.values(vulnerabilities).map(
    ({ name, severity, range }) => `${name} ${range}: ${severity}`,
  );
  return names.length === 0 ? { kind: "clean" } : { kind: "vulnerable", names };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = ["audit", "--omit=dev", "--audit-level=low", "--json"];
  const { stdout } = spawnSync("npm", args, {
    encoding: "utf8",
    cwd: fileURLToPath(new URL("..", import.meta.url)),
  });
  const verdict = verdictOf(stdout ?? "");
  if (verdict.kind === "clean") console.log("audit: no known vulnerability in the production tree");
  if (verdict.kind === "no-answer")
    console.error(`audit: WARNING: not known: the registry gave no answer (${verdict.why})`);
  if (verdict.kind === "vulnerable") {
    console.error(`audit: known vulnerabilities:\n  ${verdict.names.join("\n  ")}`);
    process.exitCode = 1;
  }
}
