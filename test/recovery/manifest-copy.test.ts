import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import type { CloudSpec, DatasetSpec } from "../../src/desired-state/desired-state.ts";
import { renderManifest } from "../../src/domain/manifest.ts";
import { openCopy } from "../../src/recovery/manifest-copy.ts";
import { sha256Of } from "../../src/transport/hash.ts";
import { history } from "../domain/history.ts";
import { desired } from "../reconcilers/world.ts";
import { ageKey, noTools, recipientLine, scratch, sealed, signed, signerOf, signKey } from "./tools.ts";

const MANIFEST = "dev/manifests/snapshots_v2.tsv.age";
const SIGNATURE = "dev/manifests/snapshots_v2.tsv.sig";

suite("the bucket's manifest, opened by the server's own identity", { skip: noTools }, () => {
  const folder = scratch();
  const [backup, stranger] = [ageKey(), ageKey()];
  const identity = join(folder, "identity");
  writeFileSync(identity, backup, { mode: 0o600 });
  const [sign, forger] = [signKey(folder, "sign"), signKey(folder, "forger")];
  const { cloud, datasets } = desired();
  const spec = datasets[0] as DatasetSpec;
  const [two, three] = [
    history("2026-01 full 100, 2026-02 incr 10"),
    history("2026-01 full 100, 2026-02 incr 10, 2026-03 incr 10"),
  ];
  const text = renderManifest(three);
  const to = [recipientLine(backup)];
  const whole = { [MANIFEST]: sealed(text, to), [SIGNATURE]: Buffer.from(signed(text, sign)) };
  const flipped = sealed(text, to).map((byte, at, all) => (at === all.length - 30 ? byte ^ 1 : byte));

  const opened = (objects: Readonly<Record<string, Uint8Array | undefined>>) =>
    openCopy({
      spec,
      cloud: { spec: cloud as CloudSpec, bucket: { get: async (key) => objects[key] } },
      signer: signerOf(sign),
      decrypt: async (input) => {
        const { status, stdout, stderr } = spawnSync("age", ["-d", "-i", identity], { input });
        return status === 0 ? { text: stdout.toString() } : { why: stderr.toString().trim() };
      },
    });

  test("is what was signed", async () => {
    assert.deepEqual(await opened(whole), { kind: "signed", rows: three, sha256: sha256Of(text) });
  });

  test("counts under the second of two signatures, too: the one that it had until a newer one was on its way", async () => {
    const both = signed(renderManifest(two), sign) + signed(text, sign);
    assert.equal((await opened({ ...whole, [SIGNATURE]: Buffer.from(both) })).kind, "signed");
  });

  for (const [name, objects, why] of [
    ["gone", { [SIGNATURE]: whole[SIGNATURE] }, /^there is none$/],
    ["truncated", { ...whole, [MANIFEST]: whole[MANIFEST]?.subarray(0, -9) }, /identity does not open it/],
    ["with a flipped bit", { ...whole, [MANIFEST]: flipped }, /identity does not open it/],
    [
      "encrypted to another",
      { ...whole, [MANIFEST]: sealed(text, [recipientLine(stranger)]) },
      /does not open/,
    ],
    ["without its signature", { [MANIFEST]: whole[MANIFEST] }, /its signature is missing/],
    ["with a signature of no length", { ...whole, [SIGNATURE]: Buffer.alloc(0) }, /its signature is missing/],
    [
      "another under its signature",
      { ...whole, [MANIFEST]: sealed(renderManifest(two), to) },
      /not one by SHA256/,
    ],
    [
      "signed by whoever writes to the bucket",
      { ...whole, [SIGNATURE]: Buffer.from(signed(text, forger)) },
      /its signature is not one by SHA256:\S+ of what stands there/,
    ],
    [
      "signed, and no manifest",
      { [MANIFEST]: sealed("hello\n", to), [SIGNATURE]: Buffer.from(signed("hello\n", sign)) },
      /^line 1: /,
    ],
  ] as readonly [string, Record<string, Uint8Array | undefined>, RegExp][])
    test(`${name}: is refused, and says why`, async () => {
      const copy = await opened(objects);
      assert.match(copy.kind === "refused" ? copy.why : "it was taken", why);
    });
});
