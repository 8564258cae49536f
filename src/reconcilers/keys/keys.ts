import type { DatasetSpec } from "../../desired-state/desired-state.ts";
import {
  type AbsolutePath,
  type AgeRecipient,
  type HostName,
  parseAgeRecipient,
} from "../../domain/names.ts";
import { DevbackupError } from "../../domain/trouble.ts";
import type { Action, ActionId } from "../../plan/plan.ts";
import { sh } from "../../transport/quote.ts";
import { type Answer, actionId, damage, propose, unknownProblem } from "../answer.ts";
import type { RecoveredFacts } from "../facts.ts";
import { layoutId } from "../machine/layout.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { isSetUp, type View } from "../view.ts";
import {
  detailsOf,
  identityFiles,
  type KeyLoss,
  type KeyPair,
  lostKeys,
  publishedFile,
  recipientFile,
  toolsOn,
} from "./key-files.ts";
import { type KeyMaking, keyScript } from "./key-script.ts";

type Input =
  | { readonly how: KeyMaking["how"]; readonly dataset: DatasetSpec }
  | {
      readonly how: "recipient";
      readonly server: HostName;
      readonly from: AbsolutePath;
      readonly to: AbsolutePath;
    };

/** The age identity on the server, and its recipient on the workstation. */
export const keys: Reconciler<Input> = {
  kind: "key",
  diff: (view) => {
    const { spec, facts } = view;
    if (facts.key.kind !== "known")
      return { problems: [unknownProblem(spec, spec.server, "the keys", facts.key)] };
    if (facts.recipient.kind === "unknown" && isSetUp(view, spec.workstation))
      return { problems: [unknownProblem(spec, spec.workstation, recipientFile(spec), facts.recipient)] };
    const server = diffIdentity(view, facts.key.value);
    if (!isSetUp(view, spec.workstation)) return server;
    const onWorkstation = facts.recipient.kind === "known" ? facts.recipient.value : null;
    const wanted =
      facts.key.value.derived ??
      (view.recovered.kind === "known" ? view.recovered.value.recipient : untoldHalf(view, facts.key.value));
    if (server.problems !== undefined || (onWorkstation !== null && onWorkstation === wanted)) return server;
    return { ...server, actions: [...(server.actions ?? []), putRecipient(view, onWorkstation)] };
  },
  run: async ({ host, dataset, input }, tools) => {
    if (input.how === "recipient") {
      const read = await expectSuccess(tools.host(input.server), sh`head -n 1 -- ${input.from}`, {
        code: "recipient-unread",
        what: `the recipient of ${dataset} could not be read`,
      });
      const recipient = parseAgeRecipient(read.stdout.trimEnd());
      if (recipient === undefined)
        throw new DevbackupError({
          code: "recipient-damaged",
          exitCode: 6,
          host: input.server,
          what: `${input.from} holds no age recipient`,
          state: "Nothing was changed on the workstation; the next run makes the file anew from the identity",
          next: "devbackup apply",
        });
      const script = sh`umask 022; cat >${`${input.to}.new`}; chmod 444 ${`${input.to}.new`}; sync ${`${input.to}.new`}; mv -T ${`${input.to}.new`} ${input.to}`;
      await expectSuccess(tools.host(host), script, {
        code: "recipient-unwritten",
        what: `${input.to} could not be written`,
        stdin: `${recipient}\n`,
      });
      return recipient;
    }
    await expectSuccess(tools.host(host), scriptOf(input.how, input.dataset), {
      code: "key-failed",
      what: `the age identity of ${dataset} could not be ${input.how === "put-back" ? "put back" : "made"}`,
      ...(input.how === "put-back" && { stdin: (await tools.escrow(input.dataset.name)).backupKeyFile }),
    });
    return null;
  },
};

/** The public half of an identity that is there, where age is not: what stands beside it has to do until it is installed. */
const untoldHalf = ({ spec, systems }: View, { rights, published }: KeyPair<AgeRecipient>) =>
  rights === null || toolsOn(systems, spec.server).has("age") ? null : published;

/** What every action that opens artifacts waits for. */
export const keyId = (spec: DatasetSpec): ActionId => actionId("key", spec.name);
/** What every action that makes artifacts waits for. */
export const recipientId = (spec: DatasetSpec): ActionId => actionId("recipient", spec.name);

function diffIdentity(
  { spec, course, facts, recovered, systems }: View,
  key: KeyPair<AgeRecipient>,
): Answer<Input> {
  const draft = {
    id: keyId(spec),
    host: spec.server,
    stage: "provision" as const,
    needs: [packagesId(spec.server), layoutId(spec, spec.server)],
  };
  const files = identityFiles(spec);
  const loss = lostKeys(facts, toolsOn(systems, spec.server)).key;
  if (loss !== null) {
    if (recovered.kind === "known") return { actions: [putBack(spec, draft, recovered.value, loss)] };
    if (loss === "damaged")
      return {
        problems: [
          damage(
            "key-damaged",
            spec,
            spec.server,
            `${files.key} is damaged: age can make nothing of it, and every artifact is encrypted to the identity that it was`,
            "devbackup apply --restore latest --identity FILE puts it back from the escrow; the damaged one stays beside it",
          ),
        ],
      };
    // an artifact that waits for its row is encrypted to it as well
    const encrypted = course.rows.length > 0 || course.pending.some(({ made }) => made !== null);
    if (encrypted || key.published !== null)
      return {
        problems: [
          damage(
            "key-lost",
            spec,
            spec.server,
            `the age identity ${files.key} is gone, and artifacts are encrypted to it`,
            "devbackup apply --restore latest --identity FILE puts it back from the escrow; a new one would open none of the artifacts that are there",
          ),
        ],
      };
    // a repository whose disk is not mounted looks like one that never was
    const hadOne = facts.recipient.kind === "known";
    return {
      actions: [
        propose("key", spec, {
          ...draft,
          change: "create",
          hazard: hadOne ? "destructive" : "none",
          summary: `make the age identity of ${spec.name}, which leaves this host in escrow alone`,
          reason: hadOne
            ? `there is none in ${spec.repository}, though ${spec.workstation} encrypts to one already: is its disk mounted? A new one opens no artifact made so far`
            : "there is none yet",
          details: detailsOf(files),
          assumes: { identity: null },
          input: { how: "create", dataset: spec },
        }),
      ],
    };
  }
  // where age is still to be installed, the file beside it has to do
  const there = key.derived ?? key.published;
  if (recovered.kind === "known" && there !== null && there !== recovered.value.recipient)
    return {
      problems: [
        damage(
          "key-changed",
          spec,
          spec.server,
          `the age identity on ${spec.server} is that of ${there}, and the escrow of ${recovered.value.escrowFrom} holds the one of ${recovered.value.recipient}, which the artifacts are encrypted to`,
          `move ${files.key} and the .pub beside it away, and the same command puts the escrowed one back`,
        ),
      ],
    };
  const wrong = [
    ...(key.rights === "400 0" ? [] : [`the identity's mode and owner are ${key.rights}, not 400 0`]),
    ...(key.published !== null && key.published === there
      ? []
      : ["the public half beside it is missing or another's"]),
  ];
  if (wrong.length === 0) return {};
  return {
    actions: [
      propose("key", spec, {
        ...draft,
        change: "update",
        summary: `set the age identity of ${spec.name} right`,
        reason: wrong.join("; "),
        input: { how: "publish", dataset: spec },
      }),
    ],
  };
}

const putBack = (
  spec: DatasetSpec,
  draft: Pick<Action, "id" | "host" | "stage" | "needs">,
  { escrowFrom, recipient }: RecoveredFacts,
  loss: KeyLoss,
): Action<Input> =>
  propose("key", spec, {
    ...draft,
    change: loss === "damaged" ? "update" : "create",
    summary: `put the age identity of ${spec.name} back from the escrow`,
    reason: `${loss === "damaged" ? `the one on ${spec.server} is damaged, and stays beside it` : `${spec.server} has lost it`}; the escrow of ${escrowFrom} holds the one of ${recipient}`,
    details: detailsOf(identityFiles(spec)),
    assumes: { identity: null, recipient },
    input: { how: "put-back", dataset: spec },
  });

/** Whom the artifacts so far are encrypted to: another identity on the server is a loss, unless the escrow vouches for it. */
function putRecipient({ spec, course, recovered, facts }: View, there: string | null): Action<Input> {
  const [present = null, ...more] = there?.split("\n") ?? [];
  const right = present !== null && facts.key.kind === "known" && present === facts.key.value.derived;
  const another = !right && present !== null && course.rows.length > 0 && recovered.kind !== "known";
  return propose("key", spec, {
    id: recipientId(spec),
    host: spec.workstation,
    stage: "provision",
    change: present === null ? "create" : "update",
    hazard: another ? "destructive" : "none",
    summary: `put the public half of the key to ${recipientFile(spec)}`,
    reason:
      present === null
        ? "it is not there"
        : another
          ? `the one there is ${present}, which the artifacts so far are encrypted to: the identity on ${spec.server} opens none of them, and neither would an escrow of it`
          : right
            ? `there is more to it: ${more.filter(Boolean).join("; ")}`
            : "another one is there",
    needs: [keyId(spec), layoutId(spec, spec.workstation)],
    assumes: { present },
    input: { how: "recipient", server: spec.server, from: publishedFile(spec), to: recipientFile(spec) },
  });
}

const scriptOf = (how: KeyMaking["how"], spec: DatasetSpec): string =>
  keyScript({
    how,
    ...identityFiles(spec),
    // where its output finds no room, age-keygen ends with 0 all the same, and cat does not
    make: 'age-keygen | cat >"$k.new"',
    tell: 'age-keygen -y "$1"',
  });
