/** Why relays were refused lately: a bounded list for `mm4d refusals`. */

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

export type NewRefusal = Omit<Refusal, "count" | "firstAt" | "lastAt">;

export interface Refusals {
  note(refusal: NewRefusal): void;
  /** The most recent ones last. */
  list(): readonly Refusal[];
}

/** Of more than this, the one that was seen longest ago is forgotten. */
const MAX_REFUSALS = 1_000;

export function createRefusals(): Refusals {
  const known = new Map<string, Refusal>();
  return {
    note(refusal) {
      // Not by what the client says of itself, of which it may say something new each time.
      const key = `${refusal.address} ${refusal.reason}`;
      const at = new Date().toISOString();
      const before = known.get(key);
      known.delete(key);
      known.set(key, { ...refusal, count: (before?.count ?? 0) + 1, firstAt: before?.firstAt ?? at, lastAt: at });
      const [oldest] = known.keys();
      if (known.size > MAX_REFUSALS && oldest !== undefined) known.delete(oldest);
    },
    list: () => [...known.values()],
  };
}
