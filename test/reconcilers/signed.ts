import { signKey } from "../../src/reconcilers/keys/sign-key.ts";
import type { Server } from "./server.ts";

/** Gives the server its sign key, as the first apply does. */
export const signed = (server: Server): Promise<string | null> =>
  server.run(signKey, { how: "create", dataset: server.spec });
