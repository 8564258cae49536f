import { backups } from "../torture/backups.ts";
import { AT_CONTROLLER } from "../torture/blows.ts";
import { tortureSuite } from "../torture/suite.ts";

tortureSuite(
  "a backup that is cut off by its controller's end, and anywhere inside",
  backups(AT_CONTROLLER, 2),
  {
    rounds: [1],
    atLeast: 50,
  },
);
