import { type Session, SessionRefused, type SessionSource } from "./session.ts";

/** sshd allows 10 sessions a connection by default (sshd_config(5), MaxSessions); two stay free for ending others. */
const SESSIONS_AT_ONCE = 8;

/** Lets only so many sessions of one host run at once; the rest wait in the order they came. */
export class SessionSlots {
  private running = 0;
  private limit = SESSIONS_AT_ONCE;
  private readonly waiting: (() => void)[] = [];
  private readonly source: SessionSource;

  constructor(source: SessionSource) {
    this.source = source;
  }

  /** A session as soon as there is room. Rejects with the signal's reason where that comes first. */
  async open(signal?: AbortSignal): Promise<Session> {
    for (;;) {
      while (this.running >= this.limit) await this.room(signal);
      signal?.throwIfAborted();
      this.running++;
      try {
        const session = await this.source.open();
        void session.ended.then(() => this.free());
        return session;
      } catch (error) {
        this.free();
        // a hardened sshd may allow fewer; what runs already shows how many
        if (!(error instanceof SessionRefused) || this.running === 0) throw error;
        this.limit = this.running;
      }
    }
  }

  /** A session beside the queue, for ending one that runs. */
  openAside(): Promise<Session> {
    return this.source.open();
  }

  private free(): void {
    this.running--;
    this.waiting.shift()?.();
  }

  private room(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => {
      const place = this.waiting.indexOf(go);
      if (place >= 0) this.waiting.splice(place, 1);
      reject(signal?.reason);
    };
    const go = (): void => {
      signal?.removeEventListener("abort", abort);
      resolve();
    };
    signal?.addEventListener("abort", abort);
    this.waiting.push(go);
    return promise;
  }
}
