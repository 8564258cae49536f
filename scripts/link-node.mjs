// Puts the Node that `npm ci` brings where npm scripts find it first. npm 11 does so itself; the npm 9 of
// Debian 12 links it and takes the link away again with the package for the other processor.
import { existsSync, lstatSync, rmSync, symlinkSync } from "node:fs";
import { fileURLToPath } from "node:url";

const binary = `node-linux-${process.arch}/bin/node`;
const modules = fileURLToPath(new URL("../node_modules/", import.meta.url));
const link = `${modules}.bin/node`;

if (existsSync(modules + binary) && existsSync(`${modules}.bin`) && !existsSync(link)) {
  if (lstatSync(link, { throwIfNoEntry: false })) rmSync(link); // it led nowhere
  symlinkSync(`../${binary}`, link);
}
