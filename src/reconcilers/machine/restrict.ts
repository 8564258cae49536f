import type { HostName } from "../../domain/names.ts";
import type { ActionId } from "../../plan/plan.ts";
import { sha256Of } from "../../transport/hash.ts";
import { sh } from "../../transport/quote.ts";
import { actionId, propose, unknownProblem, warning } from "../answer.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess, SCRATCH } from "../run-script.ts";
import type { View } from "../view.ts";
import { differencesOf } from "./file-differs.ts";
import { OWN_FOLDER } from "./own-folder.ts";
import {
  AUTHORIZED_KEYS,
  IN_FOLDER,
  RESTRICTED_HOME,
  type Restriction,
  type RestrictionFacts,
  SUDOERS_FILE,
} from "./restriction.ts";

type Input =
  | { readonly how: "set-up"; readonly restriction: Restriction }
  | { readonly how: "remove"; readonly login: string | null };

/** A login that may run devbackup's own scripts alone. */
export const restrict: Reconciler<Input> = {
  kind: "restrict",
  diff: (view) => {
    const host = view.spec.server;
    const looked = view.restrictions?.get(host);
    if (looked === undefined) return {};
    const { wanted, there } = looked;
    if (there.kind !== "known")
      return wanted === null
        ? {}
        : { problems: [unknownProblem(view.spec, host, "its restricted login", there)] };
    if (wanted === null) return there.value.files.size === 0 ? {} : { actions: [remove(view, there.value)] };
    const wrong = whatIsWrong(wanted, there.value);
    if (wrong.length === 0) return {};
    if (view.desired.hosts.get(host)?.restrict?.admin === null) return { warnings: [outdated(view, wrong)] };
    return { actions: [setUp(view, wanted, there.value, wrong)] };
  },
  run: async ({ host, input }, tools) => {
    const { script, stdin, what } =
      input.how === "set-up"
        ? {
            script: setUpScript(input.restriction),
            stdin: input.restriction.files.map(({ content }) => content).join(""),
            what: `the restricted login ${input.restriction.login} could not be set up`,
          }
        : { script: removeScript(input.login), stdin: "", what: "the restricted login could not be removed" };
    await expectSuccess(tools.host(host), script, { code: "restrict-failed", what, stdin });
    return null;
  },
};

const restrictId = (host: HostName): ActionId => actionId("restrict", host);

function whatIsWrong({ login, files }: Restriction, there: RestrictionFacts): string[] {
  return [
    ...(there.login === login ? [] : [`there is no login ${login} of devbackup's`]),
    ...differencesOf(files, there.files),
  ];
}

const IN_WORDS = {
  full: "what a backup and a restore take, and nothing else",
  "add-only": "what adds a label, and takes away and gives out nothing",
} as const;

const setUp = (view: View, restriction: Restriction, there: RestrictionFacts, wrong: readonly string[]) =>
  propose<Input>("restrict", view.spec, {
    id: restrictId(view.spec.server),
    host: view.spec.server,
    dataset: null,
    stage: "provision",
    change: there.files.size === 0 ? "create" : "update",
    summary: `keep the login ${restriction.login} to ${IN_WORDS[restriction.level]}`,
    reason: there.files.size === 0 ? "it is not set up yet" : wrong.join("; "),
    details: restriction.files.map(({ path, mode }) => `${path}  root:root 0${mode}`),
    input: { how: "set-up", restriction },
  });

const remove = (view: View, { login, files }: RestrictionFacts) =>
  propose<Input>("restrict", view.spec, {
    id: restrictId(view.spec.server),
    host: view.spec.server,
    dataset: null,
    stage: "provision",
    change: "delete",
    hazard: "disruptive",
    summary: `remove the restricted login${login === null ? "" : ` ${login}`}`,
    reason: "it is there, and `restrict` is not declared: whoever uses it is let in no more",
    details: [...files.keys()],
    input: { how: "remove", login },
  });

const outdated = ({ spec }: View, wrong: readonly string[]) =>
  warning(
    "restriction-outdated",
    spec,
    spec.server,
    `its restricted login is not as this devbackup would set it up (${wrong.join("; ")}): where a step is refused, apply once with \`admin\` declared`,
  );

/** The key comes last: whoever is let in finds all of it. What sudo could not read would lock everybody out of it. */
function setUpScript({ login, files }: Restriction): string {
  const all = sha256Of(files.map(({ content }) => content).join(""));
  const take = files.map(
    ({ content }, index) =>
      sh`dd bs=${Buffer.byteLength(content)} count=1 iflag=fullblock 2>/dev/null >"$w/"${index}`,
  );
  const inOrder = files.map((_, index) => `"$w/${index}"`).join(" ");
  const put = files.map(
    ({ path, mode }, index) => sh`f=${path}
cp -- "$w/"${index} "$f.new"; chown root:root "$f.new"; chmod ${mode} "$f.new"; sync "$f.new"; mv -T -- "$f.new" "$f"`,
  );
  const sudoers = files.findIndex(({ path }) => path === SUDOERS_FILE);
  return `umask 077
${SCRATCH}${sh`
login=${login} home=${RESTRICTED_HOME}
`}${take.join("\n")}
[ "$(cat -- ${inOrder} | sha256sum | cut -c1-64)" = ${all} ] || { echo "it did not arrive whole" >&2; exit 1; }
visudo -cqf "$w/${sudoers}" >&2${sh`
if id -u -- "$login" >/dev/null 2>&1; then
  [ "$(getent passwd "$login" | cut -d: -f6)" = "$home" ] || { echo "there is a user $login, and devbackup did not make it: name another one" >&2; exit 1; }
else
  useradd --system --user-group --home-dir "$home" --no-create-home --shell /bin/sh --password '*' -- "$login"
fi
for d in ${OWN_FOLDER} "$home" "$home/.ssh"; do mkdir -p -- "$d"; chown root:root "$d"; chmod 755 "$d"; done
`}${put.join("\n")}`;
}

/** The key goes first; the login's last session may take a moment to end, and userdel(8) refuses until then. */
const removeScript = (login: string | null): string => sh`
login=${login ?? ""} home=${RESTRICTED_HOME}
rm -f -- ${AUTHORIZED_KEYS} ${SUDOERS_FILE}
if [ -n "$login" ] && [ "$(getent passwd "$login" | cut -d: -f6)" = "$home" ]; then
  loginctl terminate-user "$login" >/dev/null 2>&1 || :
  for try in 1 2 3 4 5 6 7 8 9 10; do why=$(userdel -- "$login" 2>&1) && break; sleep 1; done
  if id -u -- "$login" >/dev/null 2>&1; then echo "$why" >&2; exit 1; fi
fi
rm -rf --one-file-system -- "$home"
rm -f -- ${IN_FOLDER.map((name) => `${OWN_FOLDER}/${name}`)}
[ ! -d ${OWN_FOLDER} ] || rmdir --ignore-fail-on-non-empty ${OWN_FOLDER}`;
