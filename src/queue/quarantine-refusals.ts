/** Whose messages got 451 lately for want of room in the quarantine. As many entries as there are peers. */

export interface QuarantineRefusals {
  /** A message of that many bytes found no room. */
  note(peer: string, bytes: number): void;
  /** Forgets those for whose message there is room again, and those who have not come back for long. */
  measured(full: boolean, hasRoom: (peer: string, bytes: number) => boolean): void;
  /** Since when it has cost them. */
  standing(): readonly { readonly peer: string; readonly forMs: number }[];
}

interface Refused {
  readonly sinceMs: number;
  readonly lastMs: number;
  readonly bytes: number;
}

/** A relay comes again within that time, or has given up. */
const FORGOTTEN_MS = 3_600_000;

export function createQuarantineRefusals(): QuarantineRefusals {
  const refused = new Map<string, Refused>();
  /** Since when there is no room for anybody. */
  let fullSinceMs: number | null = null;
  return {
    note(peer, bytes) {
      const lastMs = performance.now();
      const before = refused.get(peer);
      refused.set(peer, { sinceMs: before?.sinceMs ?? lastMs, lastMs, bytes });
    },
    measured(full, hasRoom) {
      const nowMs = performance.now();
      fullSinceMs = full ? (fullSinceMs ?? nowMs) : null;
      for (const [peer, { lastMs, bytes }] of refused) {
        if (hasRoom(peer, bytes) || nowMs - lastMs > FORGOTTEN_MS) refused.delete(peer);
      }
    },
    standing() {
      const nowMs = performance.now();
      return [...refused].map(([peer, { sinceMs }]) => ({
        peer,
        forMs: nowMs - Math.min(sinceMs, fullSinceMs ?? sinceMs),
      }));
    },
  };
}
