import { SCHEDULE_FOLDER, SCHEDULE_IDENTITY } from "../../desired-state/standpoint.ts";
import type { HostName } from "../../domain/names.ts";
import { sh } from "../../transport/quote.ts";
import { packagesId } from "../machine/packages.ts";
import type { Reconciler } from "../reconciler.ts";
import { expectSuccess } from "../run-script.ts";
import { DAMAGED, ROOTS_ALONE } from "./broken.ts";
import { type Due, dueOf, keyId, loginId, proposeOn } from "./common.ts";
import { AS_USER, LOGINS, loginComment } from "./schedule-facts.ts";
import { anotherLogin } from "./try-logins.ts";

/** The hosts that let the schedule in by its own key: all that it reaches, but those with a key of their own. */
const letIn = (hosts: { get(name: HostName): { readonly restrict?: unknown } | undefined }, due: Due) =>
  [...due.wanted.standpoint.reach].filter(([name]) => hosts.get(name)?.restrict === undefined);

interface KeyInput {
  readonly comment: string;
  /** It is whole, and OpenSSH refuses it for its mode or owner: below a folder of root's alone, nobody else has read it. */
  readonly stays: boolean;
}

/** The key that a schedule logs in to the other hosts with. Made on its host, and never anywhere else. */
export const scheduleKey: Reconciler<KeyInput> = {
  kind: "schedule-key",
  diff: (view) => {
    const due = dueOf(view);
    if (due === null || letIn(view.desired.hosts, due).length === 0) return {};
    const { on } = due.wanted;
    const { key } = due.broken;
    const stays = publicKeyOf(due) !== null;
    if (stays && key === null) return {};
    return {
      actions: [
        proposeOn("schedule-key", on, {
          id: keyId(on),
          change: stays ? "update" : "create",
          summary: `${stays ? "mend the mode of" : "make"} the key that its schedule logs in with`,
          reason: stays
            ? `OpenSSH refuses it: its mode and owner are ${key}, not ${ROOTS_ALONE}`
            : key === null
              ? "there is none"
              : "what is there is damaged",
          details: [`${SCHEDULE_IDENTITY}  root:root 0600`],
          needs: [packagesId(on)],
          input: { comment: loginComment(on), stays },
        }),
      ],
    };
  },
  run: async ({ host, input: { comment, stays } }, tools) => {
    await expectSuccess(
      tools.host(host),
      stays
        ? sh`cd ${SCHEDULE_FOLDER}; chown root:root id_ed25519; chmod 600 id_ed25519`
        : sh`mkdir -p /etc/devbackup; umask 077; mkdir -p ${SCHEDULE_FOLDER}; chmod 700 ${SCHEDULE_FOLDER}; cd ${SCHEDULE_FOLDER}
rm -f -- id_ed25519.new id_ed25519.new.pub
ssh-keygen -q -t ed25519 -N '' -C ${comment} -f ./id_ed25519.new
sync id_ed25519.new id_ed25519.new.pub
mv -T -- id_ed25519.new id_ed25519; mv -T -- id_ed25519.new.pub id_ed25519.pub; sync .`,
      { code: "schedule-key-failed", what: "the schedule's key could not be made" },
    );
    return null;
  },
};

/** Null while there is none that its runs could log in with. */
const publicKeyOf = ({ there, broken }: Due): string | null =>
  broken.key === DAMAGED ? null : there.publicKey;

interface LoginInput {
  readonly on: HostName;
  readonly user: string;
  readonly datasets: readonly string[];
  /** Null while the key is yet to be made. */
  readonly line: string | null;
}

/** That key's way in: a line in a user's authorized_keys. */
export const scheduleLogin: Reconciler<LoginInput> = {
  kind: "schedule-login",
  diff: (view) => {
    const due = dueOf(view);
    if (due === null) return {};
    const { on, standpoint } = due.wanted;
    const { datasets } = standpoint;
    const key = publicKeyOf(due);
    const line = key === null ? null : `restrict ${key} ${loginComment(on)}`;
    return {
      actions: letIn(view.desired.hosts, due).flatMap(([host, { user }]) => {
        const facts = due.looked.there.get(host);
        if (facts?.kind !== "known") return [];
        const now = facts.value.logins.get(on);
        if (now?.user === user && now.line === line && now.datasets.join() === datasets.join()) return [];
        return [
          proposeOn<LoginInput>("schedule-login", host, {
            id: loginId(host),
            change: now === undefined ? "create" : "update",
            summary: `let the schedule of ${on} log in as ${user}`,
            reason:
              now === undefined
                ? `${on} reaches it as ${user}, and is not let in`
                : now.user === user
                  ? "the line that lets it in is not as it should be"
                  : `it is let in as ${now.user}`,
            details: [`one line in ~${user}/.ssh/authorized_keys, marked ${loginComment(on)}`],
            needs: [keyId(on)],
            input: { on, user, datasets, line },
          }),
        ];
      }),
    };
  },
  run: async ({ host, input: { on, user, datasets, line } }, tools) => {
    if (line === null) throw new RangeError("the key was to be made before");
    await expectSuccess(
      tools.host(host),
      `${AS_USER}\n${sh`
id -u -- ${user} >/dev/null 2>&1 || { echo "there is no user "${user} >&2; exit 1; }
umask 022; mkdir -p ${LOGINS}; chmod 755 ${LOGINS}
f=${`${LOGINS}/${on}`}
`}${leave(on)}${sh`
printf '%s\n' ${[user, ...datasets]} >"$f.new"; sync "$f.new"; mv -T -- "$f.new" "$f"
as_user ${user} sh -c ${EDIT} sh ${loginComment(on)} ${line}`}`,
      {
        code: "schedule-login-failed",
        what: `${user} could not be made to let the schedule of ${on} in`,
        next: anotherLogin(on, [{ host }]),
      },
    );
    return null;
  },
};

/** Takes the line of the schedule on `on` out, and the note that says whose it is: `f` names that. Behind {@link AS_USER}. */
export const leave = (on: string): string => sh`
if [ -f "$f" ]; then
  u=$(head -n 1 -- "$f")
  if id -u -- "$u" >/dev/null 2>&1; then as_user "$u" sh -c ${EDIT} sh ${loginComment(on)} ''; fi
  rm -f -- "$f"
fi
`;

/**
 * Run by the user whose file it is, so that no link in it leads further than that user could. What is not marked stays,
 * and stays as it is; a file that held nothing else goes.
 */
const EDIT = `set -eu
umask 077
cd "$HOME"; f=.ssh/authorized_keys
[ -n "$2" ] || [ -f "$f" ] || exit 0
[ -d .ssh ] || mkdir .ssh
if [ -f "$f" ]; then cp -p -- "$f" "$f.devbackup"; else : >"$f.devbackup"; fi
{ [ ! -f "$f" ] || grep -av -e " $1\\$" -- "$f" || [ $? = 1 ]; [ -z "$2" ] || printf '%s\\n' "$2"; } >"$f.devbackup"
if [ ! -s "$f.devbackup" ] && [ ! -L "$f" ]; then rm -f -- "$f.devbackup" "$f"; rmdir .ssh 2>/dev/null || :
elif [ -L "$f" ]; then cat -- "$f.devbackup" >"$f"; rm -f -- "$f.devbackup"
else sync "$f.devbackup"; mv -T -- "$f.devbackup" "$f"; fi`;
