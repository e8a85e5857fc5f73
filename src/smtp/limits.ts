/** What a client may do, and for how long: the settings of the SMTP edge. */

export interface Limits {
  readonly clients: number;
  readonly clientsPerPeer: number;
  readonly recipients: number;
  /** Bad commands since the last message; of a listed peer, so many at once and then a rate. */
  readonly badCommands: number;
  /** Commands since the last message, likewise. */
  readonly commands: number;
  /** 0: as many as it likes. */
  readonly messagesPerConnection: number;
  /** Of one peer; 0: as many as it likes. */
  readonly messagesPerSecond: number;
  readonly messageBytes: number;
  /** Of all messages that are not finished. */
  readonly unfinishedBytes: number;
  readonly firstCommandMs: number;
  readonly lineMs: number;
  readonly dataMs: number;
  readonly idleMs: number;
  /** For a listed peer. */
  readonly peerIdleMs: number;
  readonly sessionMs: number;
}

/** Says whether one more may pass: as many a second as given, and a second's worth at once. */
export function createPace(): (name: string, perSecond: number) => boolean {
  const buckets = new Map<string, Bucket>();
  return (name, perSecond) => {
    const bucket = buckets.get(name) ?? createBucket();
    buckets.set(name, bucket);
    return bucket.take(Math.max(perSecond, 1), perSecond);
  };
}

/** What may be taken of: so much at once, and then as much as flows in. */
export interface Bucket {
  /** Takes one; false when nothing is left. Both may differ from call to call. */
  take(size: number, perSecond: number): boolean;
  /** It is full again. */
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
