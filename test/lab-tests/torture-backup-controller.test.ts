import { backups } from "../torture/backups.ts";
import { AT_CONTROLLER } from "../torture/blows.ts";
import { tortureSuite } from "../torture/suite.ts";

tortureSuite("a backup that is cut off by its controller's end", backups(AT_CONTROLLER), { atLeast: 45 });
