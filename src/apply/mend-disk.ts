import type { HostName } from "../domain/names.ts";

/**
 * What to do first where a command failed because its disk took no more, by what it said (strerror(3) in the C locale,
 * which every script runs in); null where that was not the reason.
 */
export function mendDisk(said: string, host: HostName | undefined): string | null {
  const there = host === undefined ? "" : ` on ${host}`;
  if (/no space left on device/i.test(said))
    return `free some space${there}: df -h tells where there is none`;
  if (/disk quota exceeded/i.test(said))
    return `raise the quota${there}: btrfs qgroup show -re PATH tells which it is, btrfs qgroup limit SIZE PATH sets it`;
  if (/read-only file system/i.test(said))
    return `make the file system${there} writable again: dmesg tells whether Btrfs made it read-only after an error, and then it has to be unmounted and mounted again`;
  return null;
}
