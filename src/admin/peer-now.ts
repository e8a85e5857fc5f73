/** A peer, as the page shows it. */

/** What this service knows of a peer, without what only Redis knows. */
export interface PeerNow {
  readonly name: string;
  /** False for one whose entry was taken out, and that has sent since the start. */
  readonly inForce: boolean;
  /** When its last report came, to any process or replica: RFC 3339, UTC; null when none came for a day, or since the start. */
  readonly lastAt: string | null;
  /** For how long it has been in force, as far as this service knows; null when that is not known yet. */
  readonly knownMs: number | null;
  readonly connections: number;
  /** Null for one that may not connect. */
  readonly mostConnections: number | null;
  /** Whether TLS is offered to it, or required; null for one that may not connect. */
  readonly tls: "off" | "optional" | "required" | null;
  /** The protocol of TLS of its last report since the start; null for none. `never` when there was no report. */
  readonly lastTls: string | null | "never";
  /** What the others do not do, in words. */
  readonly unusual: readonly string[];
  /** Which of its reports are acknowledged: none, those that ask for it, all; null for one that may not connect. */
  readonly acknowledged: "off" | "auto" | "always" | null;
  /** Where its acknowledgements go; null for nowhere. */
  readonly mmsc: Mmsc | null;
  /** Its entry with its defaults and without secrets, as JSON; null when it is not in force. */
  readonly entry: string | null;
}

export interface Mmsc {
  readonly host: string;
  /** The attempts that have failed since it answered last; null when none has. */
  readonly failing: { readonly since: string; readonly reason: string } | null;
  readonly answeredAt: string | null;
}
