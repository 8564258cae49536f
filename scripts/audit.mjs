// node scripts/audit.mjs: known vulnerabilities of what is in the program, which is what it is bundled from.
// Ends with 1 where there is one. A registry that does not answer the question is told, and is neither: nobody knows.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { productionTree } from "./sbom.mjs";

/**
 * What `npm audit --json` has said of the packages named: `{ kind: "clean" }`, `{ kind: "vulnerable", names }` or `{ kind: "no-answer", why }`.
 * Its exit code is 1 for the last two alike.
 */
export function verdictOf(stdout, packages) {
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
  const names = Object.values(vulnerabilities)
    .filter(({ name }) => packages.includes(name))
    .map(({ name, severity, range }) => `${name} ${range}: ${severity}`);
  return names.length === 0 ? { kind: "clean" } : { kind: "vulnerable", names };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = ["audit", "--audit-level=low", "--json"];
  const { stdout } = spawnSync("npm", args, {
    encoding: "utf8",
    cwd: fileURLToPath(new URL("..", import.meta.url)),
  });
  const packages = (await productionTree()).map(({ name }) => name);
  const verdict = verdictOf(stdout ?? "", packages);
  if (verdict.kind === "clean") console.log("audit: no known vulnerability in what the program is made of");
  if (verdict.kind === "no-answer")
    console.error(`audit: WARNING: not known: the registry gave no answer (${verdict.why})`);
  if (verdict.kind === "vulnerable") {
    console.error(`audit: known vulnerabilities:\n  ${verdict.names.join("\n  ")}`);
    process.exitCode = 1;
  }
}
