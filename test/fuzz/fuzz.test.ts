import assert from "node:assert/strict";
import { test } from "node:test";
import { TARGETS } from "./targets.ts";
import { tryOut } from "./try.ts";

/** `npm run fuzz` goes on for as long as it is told, each time with another seed. */
const CASES = 80;

for (const target of TARGETS)
  test(`${target.name}: whatever is read is understood, or refused in words, soon`, async (context) => {
    const seed = Number(process.env.FUZZ_SEED ?? 20260301);
    context.diagnostic(`seed ${seed}, ${CASES} cases`);
    const { broken } = await tryOut(target, { seed, cases: CASES });
    assert.equal(broken, null, `FUZZ_SEED=${seed}: ${JSON.stringify(broken?.input)}\n${broken?.why}`);
  });
