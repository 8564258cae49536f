import { execFile } from "node:child_process";

/** What stood on the terminal, line ends as LF, and how the program ended. */
export interface Terminal {
  readonly screen: string;
  readonly exitCode: number;
}

/** The next prompt to wait for, and what to type then; a function is given the screen so far. */
export type Answer = readonly [prompt: string, typed: string | ((screen: string) => string)];

/**
 * Runs `argv` on a pseudo-terminal (python3's `pty`) of 200 columns, so that few lines wrap, types each answer once its prompt has come after the one
 * before, and waits for the end.
 */
export function onTerminal(argv: readonly string[], answers: readonly Answer[]): Promise<Terminal> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, TERM: "xterm" };
    const child = execFile("python3", ["-c", PTY, ...argv], { env, timeout: 180_000 }, (error, _out, why) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode !== "number" || left.length > 0)
        reject(new Error(`${argv.join(" ")}: ${why}\nwaited for ${left[0]?.[0]}; on the screen:\n${screen}`));
      else resolve({ screen: screen.replaceAll("\r\n", "\n"), exitCode });
    });
    const left = [...answers];
    let screen = "";
    let read = 0;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      screen += text;
      for (const [prompt, typed] of left.slice(0, 1)) {
        const at = screen.indexOf(prompt, read);
        if (at === -1) return;
        read = screen.length;
        left.shift();
        child.stdin?.write(`${typeof typed === "string" ? typed : typed(screen)}\r`);
      }
    });
  });
}

const PTY = `
import os, pty, sys
def copy(fd): return os.read(fd, 4096)
wide = ["sh", "-c", 'stty cols 200 && exec "$@"', "sh"]
sys.exit(os.waitstatus_to_exitcode(pty.spawn(wide + sys.argv[1:], copy)))
`;
