import assert from "node:assert/strict";
import { test } from "node:test";
import { known } from "../../src/domain/fact.ts";
import type { ManifestCopy } from "../../src/domain/manifest-copy.ts";
import type { Sha256 } from "../../src/domain/names.ts";
import { history, label } from "../domain/history.ts";
import { objects, THREE } from "./rows.ts";
import { type Case, M1, planOf, remembered, SIGNER } from "./world.ts";

/** One damage to a world of three months in which nothing else is due. */
interface Damage extends Partial<Case> {
  readonly damage: string;
  /** What is said about it: which file, what is wrong, and what that means. */
  readonly named: RegExp;
  /** What mends it, by action, with its hazard: all that is planned. */
  readonly mended?: Readonly<Record<string, "none" | "destructive">>;
  /** Where nothing can mend it: the problem, or the warning, and what it tells the user to do. */
  readonly refused?: string;
  readonly warned?: string;
  readonly next?: RegExp;
}

export const told = (damages: readonly Damage[]) => {
  for (const { damage, named, mended = {}, refused, warned, next, ...given } of damages)
    test(damage, () => {
      const { problems, warnings, actions } = planOf({ rows: THREE, target: "2026-03", ...given });
      assert.deepEqual(
        problems.map(({ code }) => code),
        refused === undefined ? [] : [refused],
      );
      if (warned !== undefined)
        assert.equal([...new Set(warnings.map(({ code }) => code))].join(", "), warned);
      const texts =
        refused !== undefined
          ? problems.map(({ text }) => text)
          : warned !== undefined
            ? warnings.map(({ text }) => text)
            : actions.map(({ reason }) => reason);
      assert.ok(
        texts.some((text) => named.test(text)),
        texts.join("\n"),
      );
      if (next !== undefined) assert.match(problems[0]?.next ?? "", next);
      if (refused !== undefined) return;
      assert.deepEqual(Object.fromEntries(actions.map(({ id, hazard }) => [id, hazard])), mended);
    });
};

export const OTHER = "22".repeat(32) as Sha256;
export const ROWS = history(THREE);
export const seen = (at: string, manifestSha256 = M1) =>
  remembered({
    signer: SIGNER,
    newest: { label: label(at), ts: "2026-01-01T00:00:00Z", manifestSha256 },
  });
export const bucketWith = (manifest?: ManifestCopy, kept = objects) =>
  known({ objects: kept, unfinished: known([]), ...(manifest !== undefined && { manifest }) });
