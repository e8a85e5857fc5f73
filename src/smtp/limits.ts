/** How much a client may do, and for how long: the settings of the SMTP listener. */

export interface Limits {
  readonly clients: number;
  readonly clientsPerPeer: number;
  readonly recipients: number;
  /** Bad commands since the last message. A listed peer may send so many at once, and then at a rate. */
  readonly badCommands: number;
  /** Commands since the last message; a listed peer likewise. */
  readonly commands: number;
  /** 0 for no limit. */
  readonly messagesPerConnection: number;
  /** Of one peer; 0 for no limit. */
  readonly messagesPerSecond: number;
  readonly messageBytes: number;
  /** The sum over all messages that are not finished. */
  readonly unfinishedBytes: number;
  readonly firstCommandMs: number;
  readonly lineMs: number;
  readonly dataMs: number;
  readonly idleMs: number;
  /** For a listed peer. */
  readonly peerIdleMs: number;
  readonly sessionMs: number;
}

/** Tells whether one more may pass: `perSecond` in the long run, and one second's worth at once. */
export function createPace(): (name: string, perSecond: number) => boolean {
  const buckets = new Map<string, Bucket>();
  return (name, perSecond) => {
    const bucket = buckets.get(name) ?? createBucket();
    buckets.set(name, bucket);
    return bucket.take(Math.max(perSecond, 1), perSecond);
  };
}

/** A token bucket: it allows `size` at once, and then as many as flow in. */
export interface Bucket {
  /** Takes one; false when none is left. Size and rate may differ from call to call. */
  take(size: number, perSecond: number): boolean;
  /** Makes it full again. */
  fill(): void;
}

export function createBucket(): Bucket {
  let taken = 0;
  let atMs = performance.now();
  return {
    take(size, perSecond) {
      const nowMs = performance.now();
      taken = Math.max(0, taken - ((nowMs - atMs) * perSecond) / 1000);
      atMs = nowMs;
      if (taken + 1 > size) return false;
      taken += 1;
      return true;
    },
    fill() {
      taken = 0;
    },
  };
}
