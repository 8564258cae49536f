import { signKey } from "../../src/reconcilers/sign-key.ts";
import { signatureFile, signKeyFile, signPublicFile } from "../../src/reconcilers/signature.ts";
import { manifestFile } from "../../src/reconcilers/store.ts";
import type { Server } from "./server.ts";

/** Gives the server its sign key, as the first apply does. */
export const signed = (server: Server): Promise<string | null> => {
  const { spec } = server;
  return server.run(signKey, {
    how: "create",
    dataset: spec.name,
    key: signKeyFile(spec),
    publicHalf: signPublicFile(spec),
    comment: "devbackup dev",
    manifest: manifestFile(spec),
    signature: signatureFile(spec),
  });
};
