import {
  type AgeRecipient,
  type DatasetName,
  parseAgeRecipient,
  parseSigner,
  type Signer,
} from "../domain/names.ts";
import { parsePeriod } from "../domain/period.ts";
import { resolveCloud } from "./cloud.ts";
import { resolveDatasets } from "./datasets.ts";
import type { DatasetSpec, DesiredState } from "./desired-state.ts";
import { resolveHosts } from "./hosts.ts";
import { resolveNotify } from "./notify.ts";
import type { Report } from "./report.ts";
import { everyHostReached, resolveSchedule } from "./schedule.ts";
import type { Written } from "./written.ts";

/**
 * Gives what is written its meaning: references, defaults, units, and whether it all fits together. Everything
 * that does not is reported, and left out of what comes back; so that holds only where nothing was reported,
 * here or before.
 */
export function resolve(written: Written, home: string, report: Report): DesiredState {
  const known = resolveHosts(written.hosts, home, report);
  const datasets = resolveDatasets(written.datasets ?? {}, known, report);
  const schedule = resolveSchedule(written.schedule, known, report) ?? null;
  if (schedule !== null) everyHostReached(schedule, datasets, known, report);
  return {
    hosts: known.hosts,
    datasets,
    cloud: resolveCloud(written.cloud, home, report) ?? null,
    recoveryRecipients: resolveRecipients(written, report),
    signers: resolveSigners(written, datasets, report),
    schedule,
    scripts: written.scripts ?? false,
    verify: resolveVerify(written),
    drill: resolveDrill(written),
    notify: resolveNotify(written.notify, home, report),
  };
}

function resolveRecipients(written: Written, report: Report): readonly AgeRecipient[] {
  return (written.encryption?.recovery_recipients ?? []).flatMap((text, index) => {
    if (text === undefined) return [];
    const recipient = parseAgeRecipient(text);
    if (recipient !== undefined) return [recipient];
    report(["encryption", "recovery_recipients", String(index)], "this is no recipient of age", "age1…");
    return [];
  });
}

function resolveSigners(
  written: Written,
  datasets: readonly DatasetSpec[],
  report: Report,
): ReadonlyMap<DatasetName, Signer> {
  const signers = new Map<DatasetName, Signer>();
  for (const [name, text] of Object.entries(written.encryption?.signers ?? {})) {
    if (text === undefined) continue;
    const signer = parseSigner(text);
    const dataset = datasets.find((each) => each.name === name);
    const at = ["encryption", "signers", name];
    if (signer === undefined) report(at, "this is no ed25519 public key of OpenSSH", "ssh-ed25519 AAAA…");
    // one that is refused for another reason must not be called unknown too
    else if (dataset === undefined && !Object.hasOwn(written.datasets ?? {}, name))
      report(at, `there is no dataset \`${name}\``, Object.keys(written.datasets ?? {}).join(" or "));
    else if (dataset !== undefined) signers.set(dataset.name, signer);
  }
  return signers;
}

function resolveVerify({ verify }: Written): DesiredState["verify"] {
  const percent = Number.parseFloat(verify?.share ?? "");
  return Number.isNaN(percent) ? null : { share: percent / 100 };
}

function resolveDrill({ drill }: Written): DesiredState["drill"] {
  const every = parsePeriod(drill?.every ?? "");
  return every === undefined ? null : { every };
}
