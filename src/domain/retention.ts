import type { Label } from "./label.ts";
import type { Copies, CopyPlace } from "./restore-chain.ts";

/** What a place keeps: everything, the newest labels, or the newest chains. */
export type KeepRule =
  | { readonly kind: "all" }
  | { readonly kind: "last"; readonly count: number }
  | { readonly kind: "chains"; readonly count: number };

/** A label that is registered, or will be by the end of the run. */
export interface Registered {
  readonly label: Label;
  /** Null for an anchor. */
  readonly parent: Label | null;
}

/** What becomes of one thing in one place. */
export interface Fate {
  readonly label: Label;
  readonly kept: boolean;
  /** With its numbers: `one of the newest 3`, `older than the newest 2 chains`. */
  readonly because: string;
}

/** What the rules of both places say of every artifact; no more than that, so that it can say what has to be there too. */
export interface ArtifactRules {
  readonly server: ReadonlyMap<Label, Fate>;
  /** Null where no cloud is declared. */
  readonly bucket: ReadonlyMap<Label, Fate> | null;
}

/** `all` is by growing label, as in the manifest; a chain is kept whole or not at all. */
export const artifactRules = (
  rules: { readonly server: KeepRule; readonly bucket: KeepRule | null },
  all: readonly Registered[],
): ArtifactRules => ({
  server: ruled(rules.server, all),
  bucket: rules.bucket === null ? null : ruled(rules.bucket, all),
});

/**
 * Whether an artifact has to stand in `place`: what is missing or damaged there is brought back, and not what its rule lets
 * go. Without a cloud, all of it has to be on the server.
 */
export function isWanted({ server, bucket }: ArtifactRules, label: Label, place: CopyPlace): boolean {
  if (bucket === null) return place === "server";
  return (place === "server" ? server : bucket).get(label)?.kept !== false;
}

export interface Artifacts {
  readonly rules: ArtifactRules;
  readonly all: readonly Registered[];
  readonly copies: (label: Label) => Copies;
  /** Why the place itself does not let it be deleted; null where it does. */
  readonly locked: (label: Label) => string | null;
}

/**
 * What becomes of every artifact that stands in `place`, whole or damaged. It goes only where the other place keeps it by
 * its own rule, and has all of its chain whole right now: so whatever is let go, each label is made again as before, and
 * what both rules let go stays in both.
 */
export function artifactFates(place: CopyPlace, { rules, all, copies, locked }: Artifacts): Fate[] {
  const other = place === "server" ? "bucket" : "server";
  const chains = chainsOf(all);
  const obstacles = new Map<readonly Label[], string | null>();
  return all.flatMap(({ label }): Fate[] => {
    const standing = copies(label)[place];
    const own = rules[place]?.get(label);
    const chain = chains.get(label);
    if (own === undefined || chain === undefined || (standing !== "whole" && standing !== "damaged"))
      return [];
    const keep = (because: string): Fate[] => [{ label, kept: true, because }];
    if (own.kept) return [own];
    if (rules[other] === null) return keep(NO_CLOUD);
    if (rules[other].get(label)?.kept !== true) return keep(BOTH_WOULD);
    if (!obstacles.has(chain)) obstacles.set(chain, obstacleIn(chain));
    const obstacle = obstacles.get(chain) ?? null;
    return obstacle === null ? [own] : keep(`${obstacle}, and a chain goes whole or not at all`);
  });

  function obstacleIn(chain: readonly Label[]): string | null {
    for (const label of chain) {
      const found = copies(label);
      if (found[other] !== "whole") return `the copy of ${label} ${IN_PLACE[other]} is ${found[other]}`;
      const lock = found[place] === "missing" ? null : locked(label);
      if (lock !== null) return lock;
    }
    return null;
  }
}

const IN_PLACE = { server: "on the server", bucket: "in the bucket" } as const;
const NO_CLOUD = "without a cloud it is the only copy";
const BOTH_WOULD = "the rules of both places would let it go, and the last copy never goes";

export interface Snapshots {
  readonly rule: KeepRule;
  readonly all: readonly Registered[];
  /** The labels whose snapshots stand there, complete and ours. */
  readonly standing: ReadonlySet<Label>;
  /** Why it must not go, whatever the rule says; null where it may. */
  readonly held: (label: Label) => string | null;
}

/** What becomes of every registered snapshot that stands in one place. */
export function snapshotFates({ rule, all, standing, held }: Snapshots): Fate[] {
  const fates = snapshotRules(rule, all);
  return all.flatMap(({ label }): Fate[] => {
    const own = fates.get(label);
    if (!standing.has(label) || own === undefined) return [];
    const why = own.kept ? null : held(label);
    return [why === null ? own : { label, kept: true, because: why }];
  });
}

/** What the rule of a place says of the snapshot of each label; the newest is never let go: the next increment builds on it. */
export function snapshotRules(rule: KeepRule, all: readonly Registered[]): ReadonlyMap<Label, Fate> {
  const fates = rule.kind === "last" ? lastOf(rule.count, all) : ruled(rule, all);
  const label = all.at(-1)?.label;
  return label === undefined
    ? fates
    : fates.set(label, { label, kept: true, because: "parent of the next increment" });
}

/** Each label by itself. */
function lastOf(count: number, all: readonly Registered[]): Map<Label, Fate> {
  const first = all.length - count;
  return new Map(
    all.map(({ label }, at) => [
      label,
      at >= first
        ? { label, kept: true, because: `one of the newest ${count}` }
        : { label, kept: false, because: `older than the newest ${count}` },
    ]),
  );
}

/** Chain by chain. */
function ruled(rule: KeepRule, all: readonly Registered[]): Map<Label, Fate> {
  const chains = chainsOf(all);
  const kept = new Set([...new Set(chains.values())].slice(rule.kind === "chains" ? -rule.count : 0));
  const newest = new Set(all.slice(rule.kind === "last" ? -rule.count : 0).map(({ label }) => label));
  const fates = new Map<Label, Fate>();
  for (const [label, chain] of chains) {
    const say = (isKept: boolean, because: string) => fates.set(label, { label, kept: isKept, because });
    if (rule.kind === "all") say(true, "everything is kept there");
    else if (rule.kind === "chains" && kept.has(chain)) say(true, `of the newest ${chainsIn(rule.count)}`);
    else if (rule.kind === "chains") say(false, `older than the newest ${chainsIn(rule.count)}`);
    else if (newest.has(label)) say(true, `one of the newest ${rule.count}`);
    else {
      const held = chain.find((each) => newest.has(each));
      if (held === undefined) say(false, `its chain holds none of the newest ${rule.count}`);
      else say(true, `its chain holds ${held}, one of the newest ${rule.count}`);
    }
  }
  return fates;
}

const chainsIn = (count: number): string => (count === 1 ? "chain" : `${count} chains`);

/** By label, the chain that it is in: an anchor with all that builds on it. The chains by growing anchor. */
function chainsOf(all: readonly Registered[]): Map<Label, readonly Label[]> {
  const chains = new Map<Label, Label[]>();
  // one pass will do: every parent stands above its increment
  for (const { label, parent } of all) {
    const chain = (parent === null ? undefined : chains.get(parent)) ?? [];
    chain.push(label);
    chains.set(label, chain);
  }
  return chains;
}

/** What rules can't do as they are declared together, and which keys to change; `at` is where they stand. */
export function ruleProblems(
  {
    serverArtifacts,
    cloudArtifacts,
  }: { readonly serverArtifacts: KeepRule; readonly cloudArtifacts: KeepRule },
  hasCloud: boolean,
): { readonly code: "retention-last-copy"; readonly text: (at: string) => string }[] {
  const limited = { server: serverArtifacts.kind !== "all", cloud: cloudArtifacts.kind !== "all" };
  const say = (text: (at: string) => string) => [{ code: "retention-last-copy" as const, text }];
  if (hasCloud)
    return limited.server && limited.cloud
      ? say(
          (at) =>
            `${at}.server_artifacts and ${at}.cloud_artifacts are both limited: what both would let go is kept where it stands, as its last copies. Declare one of them \`all\``,
        )
      : [];
  return limited.server || limited.cloud
    ? say(
        (at) =>
          `${at}.${limited.server ? "server_artifacts" : "cloud_artifacts"} lets nothing go: no cloud is declared, and the last copy never goes. Declare a cloud, or \`all\``,
      )
    : [];
}
