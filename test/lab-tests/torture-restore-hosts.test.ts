import { AT_MACHINES } from "../torture/blows.ts";
import { restores } from "../torture/restores.ts";
import { tortureSuite } from "../torture/suite.ts";

tortureSuite(
  "a restore that is cut off by the end of a host or a cable, and anywhere inside",
  restores(AT_MACHINES),
  {
    rounds: [2, 3],
    atLeast: 50,
  },
);
