/** Why relays were refused lately: a bounded list for `mm4d refusals`, and lines in the log that no stranger can multiply. */
import { oncePer } from "./once-per.ts";

/** Refusals of one address for one reason. */
export interface Refusal {
  readonly address: string;
  readonly peer: string | null;
  /** By which name it greeted, the last time. */
  readonly helo: string | null;
  readonly reason: string;
  /** What was refused the last time, where the reason does not say it: a domain. */
  readonly detail: string | null;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

/** What is told of them. */
export interface RefusalsTold {
  /** The latest last. */
  readonly refusals: readonly Refusal[];
  readonly since: string;
  /** Why those from before the start are not among them; null when they are. */
  readonly fault: string | null;
}

/** To sort them, the latest last. Times in ISO form need no rules of a language. */
export function byLastAt(a: Refusal, b: Refusal): number {
  if (a.lastAt === b.lastAt) return 0;
  return a.lastAt < b.lastAt ? -1 : 1;
}

export type NewRefusal = Omit<Refusal, "count" | "firstAt" | "lastAt">;

export interface RefusalsOptions {
  /** Counts each refusal. */
  readonly count: (reason: string) => void;
  readonly logRefused: (refusal: NewRefusal) => void;
  readonly logFailed: (cause: Error, client: Client | null) => void;
  /** Whether one more may be told in this second. */
  readonly mayTellMore: () => boolean;
}

interface Client {
  readonly address: string;
  /** Null for a stranger. */
  readonly peer: string | null;
}

export interface Refusals {
  add(refusal: NewRefusal): void;
  /** A session broke, or a fault of ours ended it; the client is null where it is nobody's. */
  addFailure(cause: Error & { readonly code?: string }, client: Client | null): void;
  /** The most recent ones last. */
  list(): readonly Refusal[];
}

/** Beyond this, the one seen longest ago is forgotten. */
const MAX_REFUSALS = 1_000;

const MINUTE_MS = 60_000;

export function createRefusals({ count, logRefused, logFailed, mayTellMore }: RefusalsOptions): Refusals {
  const known = new Map<string, Refusal>();
  // A stranger may knock all day: that is one line a minute.
  const oncePerMinute = oncePer(MINUTE_MS, MAX_REFUSALS);

  /** Not by what the client says of itself, because it may say something new each time. */
  function remember(refusal: NewRefusal): void {
    const key = `${refusal.address} ${refusal.reason}`;
    const at = new Date().toISOString();
    const before = known.get(key);
    known.delete(key);
    known.set(key, { ...refusal, count: (before?.count ?? 0) + 1, firstAt: before?.firstAt ?? at, lastAt: at });
    const [oldest] = known.keys();
    if (known.size > MAX_REFUSALS && oldest !== undefined) known.delete(oldest);
  }

  return {
    add(refusal) {
      count(refusal.reason);
      remember(refusal);
      if (oncePerMinute(`${refusal.address} ${refusal.reason}`) && mayTellMore()) logRefused({ ...refusal });
    },
    // A connection that broke is the network's: once a minute and address. A fault of ours is told each time.
    addFailure(cause, client) {
      if (cause.code === undefined || oncePerMinute(`${client?.address} ${cause.code}`)) logFailed(cause, client);
    },
    list: () => [...known.values()],
  };
}
