import assert from "node:assert/strict";
import { DevbackupError, type Trouble } from "../../src/domain/trouble.ts";

/** What the promise is refused with; anything but trouble meant for people is a failed test. */
export async function troubleOf(promise: Promise<unknown>): Promise<Trouble> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DevbackupError) return error.trouble;
    throw error;
  }
  assert.fail("no trouble came");
}
