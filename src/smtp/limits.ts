/** What a client may do, and for how long: the settings of the SMTP edge. */

export interface Limits {
  readonly clients: number;
  readonly clientsPerPeer: number;
  readonly recipients: number;
  readonly badCommands: number;
  /** Commands in a row without a message. */
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
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return (name, perSecond) => {
    const nowMs = performance.now();
    const { tokens, atMs } = buckets.get(name) ?? { tokens: perSecond, atMs: nowMs };
    const filled = Math.min(Math.max(perSecond, 1), tokens + ((nowMs - atMs) * perSecond) / 1000);
    buckets.set(name, { tokens: filled >= 1 ? filled - 1 : filled, atMs: nowMs });
    return filled >= 1;
  };
}
