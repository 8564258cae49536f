import type { CloudSpec, DatasetSpec, DesiredState } from "../desired-state/desired-state.ts";
import type { Fact } from "../domain/fact.ts";
import type { Label } from "../domain/label.ts";
import type { Memory } from "../domain/memory.ts";
import type { DatasetName, HostName, Signer } from "../domain/names.ts";
import type { DevbackupError } from "../domain/trouble.ts";
import type { Action, ActionId, Problem, Stage, Warning } from "../plan/plan.ts";
import type { Bucket } from "../transport/bucket/bucket.ts";
import type { Host } from "../transport/host.ts";
import type { Course } from "./course.ts";
import type { BucketFacts, DatasetFacts, RecoveredFacts } from "./facts.ts";
import type { SystemFacts } from "./machine/packages.ts";
import type { LookedAtRestriction } from "./machine/restrict.ts";
import type { RestoreRequest } from "./request.ts";
import type { LookedAtSchedule, ToInstall } from "./schedule/wanted.ts";

/** A read-only fragment of sh, run as root in a subshell of its own, and what its output means. */
export interface Probe<Value> {
  readonly host: HostName;
  readonly script: string;
  /** Called only where the fragment ended with 0; anything else is unknown. */
  readonly parse: (stdout: string) => Fact<Value>;
}

/** What a reconciler may look at to say what has to be done for one dataset. */
export interface View {
  readonly desired: DesiredState;
  readonly spec: DatasetSpec;
  readonly facts: DatasetFacts;
  /** Of every host of the dataset. */
  readonly systems: ReadonlyMap<HostName, Fact<SystemFacts>>;
  /** Of servers whose logins were looked at. */
  readonly restrictions?: ReadonlyMap<HostName, LookedAtRestriction>;
  /** Left out where it was not looked at. */
  readonly schedule?: LookedAtSchedule;
  /** Null where no cloud is declared. */
  readonly cloud: { readonly spec: CloudSpec; readonly bucket: Fact<BucketFacts> } | null;
  /** What this controller has seen before. */
  readonly memory: Fact<Memory>;
  readonly takenAt: Date;
  /** Which labels are due, and how each is made. */
  readonly course: Course;
  /** Null where this is a backup. */
  readonly restore: RestoreRequest | null;
  /** What the plan is limited to; null for everything. */
  readonly stages: readonly Stage[] | null;
  /** Those that have a part in it; what is on others was not asked. */
  readonly hosts: ReadonlySet<HostName>;
  /** What the escrow and the bucket say; absent where nobody had to open them, or could. */
  readonly recovered: Fact<RecoveredFacts>;
}

/**
 * Whether a host gets all that the dataset wants of it. A label that is brought beside what is there needs the server,
 * and of the machine that it is brought to nothing but room.
 */
export const isSetUp = ({ spec, hosts, restore }: View, host: HostName): boolean =>
  hosts.has(host) && (host === spec.server || (restore?.to ?? null) === null);

/** Any of these may be left out. */
export interface Answer<Input> {
  readonly actions?: readonly Action<Input>[];
  readonly warnings?: readonly Warning[];
  readonly notes?: readonly string[];
  readonly problems?: readonly Problem[];
}

/** Several answers as one. */
export const together = <Input>(answers: readonly Answer<Input>[]): Required<Answer<Input>> => ({
  actions: answers.flatMap(({ actions = [] }) => actions),
  warnings: answers.flatMap(({ warnings = [] }) => warnings),
  notes: answers.flatMap(({ notes = [] }) => notes),
  problems: answers.flatMap(({ problems = [] }) => problems),
});

/** One kind of thing: how desired and actual differ, and how the difference is made good. */
export interface Reconciler<Input = unknown> {
  readonly kind: string;
  /** Pure. Needs may name ids that turn out not to be in the plan: there was nothing to do there. */
  diff(view: View): Answer<Input>;
  /**
   * Carries out one action of its own making, as it was worked out from the newest facts. Resolves with what
   * only the run could tell, as one line, or null.
   * @throws DevbackupError; rejects with `signal.reason` where it was interrupted and has undone itself.
   */
  run(action: Action<Input>, tools: Tools): Promise<string | null>;
}

/** Secrets, as the files that they were and will be again. */
export interface EscrowedKeys {
  readonly backupKeyFile: string;
  readonly signKeyFile: string;
}

/** What a running action may use. */
export interface Tools {
  readonly host: (name: HostName) => Host;
  readonly bucket: () => Promise<Bucket>;
  /** The escrow's keys, for the reconcilers that put them back. Only where a recovery identity was given. */
  readonly escrow: (dataset: DatasetName) => Promise<EscrowedKeys>;
  /** Has this controller remember the signer, from now on. */
  readonly trust: (dataset: DatasetName, signer: Signer) => Promise<void>;
  /** Keeps a copy of the escrow on this controller. */
  readonly keepEscrow: (dataset: DatasetName, bytes: Uint8Array) => Promise<void>;
  /** What a schedule installs. Left out where none was looked at. */
  readonly scheduled?: () => Promise<ToInstall>;
  readonly now: () => Date;
  /** Aborted on the first Ctrl-C: what takes long undoes itself, what is short finishes. */
  readonly signal: AbortSignal;
  readonly progress: (bytes: number, totalBytes: number | null) => void;
  /** Tells of what went wrong and undoes nothing of the action: the rest goes on, and the run ends with 1. */
  readonly besides: (trouble: DevbackupError) => void;
  /** Throws where the lock is lost: called after what takes long, before anything becomes final. */
  readonly assertHeld: () => void;
}

/** The label is left out where the action is not about one. */
export const actionId = (kind: string, subject: string, label?: Label): ActionId =>
  (label === undefined ? `${kind}:${subject}` : `${kind}:${subject}@${label}`) as ActionId;

type Draft<Input> = Pick<Action<Input>, "id" | "host" | "stage" | "change" | "summary" | "reason" | "input"> &
  Partial<Action<Input>>;

/** An action for one dataset with the usual left out: no hazard, no needs, no details, nothing assumed. */
export const propose = <Input>(kind: string, spec: DatasetSpec, draft: Draft<Input>): Action<Input> => ({
  dataset: spec.name,
  label: null,
  kind,
  hazard: "none",
  needs: [],
  details: [],
  assumes: {},
  ...draft,
});

/** Something to put right by hand first. */
export const problem = (
  code: string,
  spec: DatasetSpec,
  host: HostName | null,
  text: string,
  next: string,
): Problem => ({ code, host, dataset: spec.name, text, next });

/** Something stored is damaged, missing or not authentic: exit code 6. */
export const damage = (...given: Parameters<typeof problem>): Problem => ({
  ...problem(...given),
  exitCode: 6,
});

export const warning = (code: string, spec: DatasetSpec, host: HostName | null, text: string): Warning => ({
  code,
  host,
  dataset: spec.name,
  text,
});

export const UNKNOWN_STATE = "unknown-state";

/** For a fact that a decision hangs on and that could not be had: nothing is decided on an unknown. */
export const unknownProblem = (
  spec: DatasetSpec,
  host: HostName,
  thing: string,
  fact: Exclude<Fact<unknown>, { kind: "known" }>,
): Problem =>
  problem(
    UNKNOWN_STATE,
    spec,
    host,
    `${thing} could not be looked at: ${fact.kind === "unknown" ? fact.why : "it is not there"}`,
    "put that right and run the same command again; nothing has been changed",
  );
