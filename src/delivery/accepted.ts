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
