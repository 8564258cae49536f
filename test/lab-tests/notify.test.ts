import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { HERE, installProgram } from "../lab/elsewhere.ts";
import { expectExit } from "../lab/expect.ts";
import { type Lab, startLab, whyNoLab } from "../lab/lab.ts";
import { listen, listenAt } from "../notify/listener.ts";

const UNIT = "/run/systemd/system/notify-test.service";
const SECRET = "T0P-SECRET";

describe("people and monitors are told", { skip: whyNoLab() }, () => {
  let lab: Lab;
  before(async () => {
    lab = await startLab();
    await lab.must("ws", "btrfs -q subvolume create code; head -c 2M /dev/urandom >code/file", {
      user: "dev",
    });
  });
  after(() => lab?.stop());

  test("a backup, beside a webhook that never answers: begun, done, and nothing to do", async (context) => {
    const [people, check, silent] = [
      await listen(context),
      await listen(context),
      await listen(context, null),
    ];
    const metrics = join(lab.dir, "devbackup.prom");
    const config = await lab.desiredState({
      cloud: undefined,
      notify: [
        { ntfy: `${silent.url}/topic`, on: ["start"] },
        { ntfy: `${people.url}/topic`, on: ["start", "success", "warning", "failure"] },
        { healthchecks: `${check.url}/uuid` },
        { prometheus: metrics },
      ],
    });
    const args = ["apply", "--yes", "--label", "2026-01", "--config", config];
    const titles = (): unknown[] => people.heard.map(({ headers }) => headers.title);
    const pings = (): string[] => check.heard.map(({ url }) => url.replace(/\?rid=[0-9a-f-]{36}$/, ""));
    await expectExit(lab, 0, args);
    assert.equal(titles()[0], "devbackup: backup of dev@2026-01 begins");
    assert.match(String(titles()[1]), /^devbackup: dev@2026-01 backed up \([0-9.]+ MiB, [0-9a-z. ]+\)/);
    assert.deepEqual(pings(), ["/uuid/start", "/uuid"]);
    assert.ok(silent.heard.length > 0);
    const text = await readFile(metrics, "utf8");
    assert.match(text, /^devbackup_last_exit_code 0$/m);
    assert.match(text, /^devbackup_last_success_timestamp_seconds\{dataset="dev"\} \d{10}$/m);
    assert.match(text, /^devbackup_artifact_bytes\{dataset="dev"\} 2[01]\d{5}$/m);

    await expectExit(lab, 0, args);
    assert.equal(titles().filter((title) => /begins|backed up/.test(String(title))).length, 2);
    assert.deepEqual(pings().slice(2).at(-1), "/uuid");
  });

  test("a run that SIGKILL ends under systemd is told of by ExecStopPost, with the unit's own credential", async (context) => {
    const { url, heard } = await listenAt(context, lab.addresses.controller);
    const state = await lab.desiredState({
      cloud: undefined,
      // sshd there is stopped: it takes the connection, and never says a word
      hosts: {
        ws: { address: "127.0.0.1", port: 2222, identity_file: undefined, known_hosts: undefined },
        ls: HERE,
      },
      notify: [{ slack: { file: "/run/credentials/notify-test.service/hook" } }],
    });
    await installProgram(lab, "ls");
    const yaml = await readFile(join(state, "devbackup.yaml"), "utf8");
    await lab.must("ls", "cat >/root/devbackup.yaml", { input: yaml });
    await lab.must("ls", "umask 077; cat >/root/hook", { input: `${url}/${SECRET}\n` });
    await lab.must("ls", `cat >${UNIT}`, {
      input: `[Service]
Type=oneshot
ExecStart=/opt/devbackup/bin/devbackup apply --yes --config /root/devbackup.yaml
ExecStopPost=/opt/devbackup/bin/devbackup notify --after-run --config /root/devbackup.yaml
Environment=HOME=/root XDG_STATE_HOME=%S/devbackup
StateDirectory=devbackup
LoadCredential=hook:/root/hook
`,
    });
    const said = await lab.must(
      "ls",
      `mkdir -p /run/sshd ~/.ssh; ssh-keygen -qt ed25519 -N '' -f ~/.ssh/id_ed25519
       /usr/sbin/sshd -o ListenAddress=127.0.0.1:2222 -o PidFile=/run/notify-test.pid
       until [ -s /run/notify-test.pid ]; do sleep 0.1; done
       ssh-keyscan -p 2222 127.0.0.1 >~/.ssh/known_hosts 2>/dev/null
       kill -STOP "$(cat /run/notify-test.pid)"
       systemctl daemon-reload; systemctl start --no-block notify-test
       for i in $(seq 200); do ls /var/lib/devbackup/devbackup/runs/*.json 2>/dev/null && break; sleep 0.1; done
       systemctl kill -s KILL --kill-who=main notify-test
       while case "$(systemctl is-active notify-test)" in active | *activating) ;; *) false ;; esac; do sleep 0.2; done
       kill -KILL "$(cat /run/notify-test.pid)"
       journalctl -u notify-test -o cat`,
    );
    assert.deepEqual(
      heard.map(({ url: path }) => path),
      [`/${SECRET}`],
      said,
    );
    const { text } = JSON.parse(heard[0]?.body ?? "");
    assert.match(
      text,
      /^devbackup: backup died: it was killed by SIGKILL\nBy root@\S+, begun \S+; it did not tell/,
    );
    assert.doesNotMatch(said, new RegExp(SECRET));
    assert.equal(await lab.must("ls", "ls /var/lib/devbackup/devbackup/runs | grep json || true"), "");
  });
});
