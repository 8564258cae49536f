import { AT_CONTROLLER } from "../torture/blows.ts";
import { restores } from "../torture/restores.ts";
import { tortureSuite } from "../torture/suite.ts";

tortureSuite(
  "a restore that is cut off by its controller's end, and anywhere inside",
  restores(AT_CONTROLLER),
  {
    rounds: [1],
    atLeast: 50,
  },
);
