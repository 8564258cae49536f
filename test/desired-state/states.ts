import { checkDesiredState, type Loaded } from "../../src/desired-state/load.ts";

/** The smallest valid desired state; each section can be put in another's place. */
export const HOSTS = `hosts:
  ws: {role: workstation, connection: local}
  ls: {role: server, connection: ssh, address: backup.lan}
`;
export const DATASETS = `datasets:
  dev:
    path: /home/chuck/code
    snapshots: /home/chuck/snapshots
    owner: chuck
    repository: /srv/backups/dev
`;
export const CLOUD = `cloud:
  account_id: 0123456789abcdef0123456789abcdef
  bucket: dev-backups
  access_key_id: {env: R2_ACCESS_KEY_ID}
  secret_access_key: {file: /etc/devbackup/r2-secret}
`;
export const MINIMAL = `version: 1\n${HOSTS}${DATASETS}`;

export const check = (text: string): Loaded =>
  checkDesiredState(text, { file: "devbackup.yaml", home: "/home/chuck" });

/** `LINE:COL wrong` of each problem; empty where the state is valid. */
export function problemsOf(text: string): readonly string[] {
  const loaded = check(text);
  return loaded.kind === "valid"
    ? []
    : loaded.problems.map(({ line, col, wrong }) => `${line}:${col} ${wrong}`);
}

/** The desired state of a text that has to be valid. */
export function desiredBy(text: string) {
  const loaded = check(text);
  if (loaded.kind === "invalid") throw new Error(`not valid: ${problemsOf(text).join("; ")}`);
  return loaded.desired;
}
