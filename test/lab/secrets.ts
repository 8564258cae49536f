import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { initOf } from "./inside.ts";
import type { Lab, Machine } from "./lab.ts";

/** The passphrase of every test's recovery identity: nobody may find it anywhere else. */
export const PASSPHRASE = "four sober months of winter";

/** No program of ours says, writes down or hands to another one anything of this, or the bucket's secret. */
const SECRETS = [PASSPHRASE, "AGE-SECRET-KEY-1", "OPENSSH PRIVATE KEY", "X-Amz-Signature="];

/**
 * Where secrets, private keys and presigned requests have turned up: in what programs of this lab have said, in what
 * the controller keeps and plans, and on the machines that are on in journals, logs, histories, temporary files, and the
 * arguments and environments of what still runs. Nothing, where all is well.
 */
export async function secretsFound(lab: Pick<Lab, "id" | "dir" | "home" | "bucket">): Promise<string[]> {
  const patterns = [...SECRETS, lab.bucket.secretAccessKey].map((secret) => `${secret}\n`).join("");
  const found = await Promise.all([
    here(lab, patterns),
    ...(["ws", "ls"] as const).map((machine) => onMachine(lab, machine, patterns)),
  ]);
  return found.flat();
}

/** The journal holds longer fields compressed, so that it has to be asked. What searches has nothing in its arguments. */
const SEARCH = `
p=$(mktemp -d /run/search.XXXXXX)/patterns; cat >"$p"
export LC_ALL=C
if journalctl -q --no-pager -a -o cat 2>/dev/null | grep -qF -f "$p"; then echo journal; fi
set -- /var/log /run /dev/shm /tmp /var/tmp /root/.*history* /home/*/.*history*
for repository in /srv/*/* /home/*/*; do
  [ ! -e "$repository/manifests" ] || set -- "$@" "$repository/logs" "$repository/manifests" "$repository/tmp"
done
for there; do shift; [ ! -e "$there" ] || set -- "$@" "$there"; done
find "$@" -xdev -type f ! -path '*/journal/*' ! -path "$p" -size -4096k -print0 | xargs -0r grep -laF -f "$p" --
grep -laF -f "$p" /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null
rm -r "\${p%/*}"`;

/** From outside: its cable may be out. */
async function onMachine({ id }: Pick<Lab, "id">, machine: Machine, patterns: string): Promise<string[]> {
  const pid = await initOf(id, machine);
  if (pid === undefined) return [];
  const { stdout } = await execa("nsenter", ["-t", pid, "-m", "sh", "-c", SEARCH], {
    input: patterns,
    reject: false,
  });
  return lines(stdout).map((path) => `${machine}: ${path}`);
}

/** What the controller keeps in mind, its home but for the lab's own key, desired states, saved plans, what was said. */
async function here({ dir, home }: Pick<Lab, "dir" | "home">, patterns: string): Promise<string[]> {
  const file = join(dir, "patterns");
  await writeFile(file, patterns, { mode: 0o600 });
  const names = await readdir(dir);
  const plans = await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(dir, name), "utf8").catch(() => "");
      return text.includes('"devbackup-plan"') ? [name] : [];
    }),
  );
  const kept = names.filter((name) => /^(state|desired-state.*|said)$/.test(name));
  const { stdout } = await execa(
    "grep",
    [
      "-rlaF",
      "-f",
      file,
      "--exclude-dir=compiled",
      "--",
      ...[...kept, ...plans.flat()].map((name) => join(dir, name)),
      home,
    ],
    { env: { LC_ALL: "C" }, reject: false },
  );
  return lines(stdout).map((path) => `controller: ${path}`);
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");
