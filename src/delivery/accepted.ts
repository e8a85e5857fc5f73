/** A message as it came. */
import type { PeerIdentity } from "./peer.ts";
import type { PeerRules } from "./peer-rules.ts";

/** A message as far as its event depends on it. */
export interface SavedMessage {
  readonly bytes: Uint8Array;
  readonly peer: PeerIdentity;
  readonly rules: PeerRules;
  readonly receivedAt: Date;
}

/** A message that a peer has just ended. */
export interface ReceivedMessage {
  readonly sessionId: string;
  readonly peer: MessagePeer;
  /** Of the envelope; empty for the null sender. */
  readonly mailFrom: string;
  readonly bytes: Uint8Array;
  readonly receivedAt: Date;
}

/**
 * What a message was taken for at its 250, before it was read: a report, or mail that is known to be unreadable,
 * to be another PDU, or to be a bounce (mm4/recognise.ts).
 */
export type Recognised = "report" | "unreadable" | "other-pdu" | "bounce";

/**
 * A message as it is stored: what was said, and the rules in force when it was. Its event is made by these rules,
 * however often it is read, because the event's id depends on them.
 */
export interface SaidMessage {
  readonly sessionId: string;
  readonly peer: PeerIdentity;
  readonly entry: MessageRules;
  /** Of the envelope; empty for the null sender. */
  readonly mailFrom: string;
  /** RFC 3339, UTC. */
  readonly receivedAt: string;
  readonly recognised: Exclude<Recognised, "bounce">;
  /** How many bytes came. */
  readonly bytes: number;
  /** What is kept of them, from the first on, one character a byte: the header, and as much of the body as quarantine needs. */
  readonly said: string;
}

/** The peer of a message. */
export interface MessagePeer {
  /** Who it is, as an event tells it. */
  readonly identity: PeerIdentity;
  /** What its entry says of its messages, as it was when the message ended. */
  readonly entry: MessageRules;
}

/** How a peer's messages are read, and acknowledged. */
export interface MessageRules {
  readonly rules: PeerRules;
  readonly acknowledge: {
    /** `auto`: when a message asks. */
    readonly mode: "off" | "auto" | "always";
    /** Its MMSC; null without one. */
    readonly host: string | null;
    /** Where all its acknowledgements go; null for where each message says. */
    readonly to: string | null;
  };
}
