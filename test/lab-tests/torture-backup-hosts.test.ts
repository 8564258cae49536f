import { backups } from "../torture/backups.ts";
import { AT_MACHINES } from "../torture/blows.ts";
import { tortureSuite } from "../torture/suite.ts";

tortureSuite(
  "a backup that is cut off by the end of a host or a cable, and anywhere inside",
  backups(AT_MACHINES, 2),
  {
    rounds: [2],
    atLeast: 50,
  },
);
