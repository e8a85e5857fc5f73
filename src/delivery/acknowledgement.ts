/**
 * What a peer's MMSC is owed when it asks for an acknowledgement: a response PDU
 * (.RES), and what it says. 3GPP TS 23.140 §8.4.2 and §8.4.3.
 */

/** 3GPP TS 23.140 §8.4.1, of which these are the ones that we say. */
export type RequestStatus = "Ok" | "Error-message-format-corrupt" | "Error-unsupported-message" | "Error-unspecified";

/** The answer that a message asks for, and how it must be marked. Filled in by `mm4/`. */
export interface AckRequest {
  /** The response's type, such as `MM4_delivery_report.RES`. */
  readonly messageType: string;
  /** Of the response; null for our own. */
  readonly version: string | null;
  /** X-Mms-Transaction-ID and X-Mms-Message-ID with their quotes, one character a byte. */
  readonly transactionId: string | null;
  readonly messageId: string | null;
  /** Where it wants the response, `local@domain`; null when it names no such address. */
  readonly to: string | null;
  /** The number of the MM's originator: ours, for a sender shaped as a number; null when it is not certain. */
  readonly originator: string | null;
}

/** What is owed, as it is stored. What the peer's entry says is looked up when it is sent. */
export interface Acknowledgement extends AckRequest {
  /** Name of the peer's entry. */
  readonly peer: string;
  /** The event that the message made; null when it made none. */
  readonly eventId: string | null;
  /** When the message came: RFC 3339, UTC. */
  readonly receivedAt: string;
  readonly requestStatus: RequestStatus;
  readonly statusText: string | null;
  /** Digits of the numbers of the message's parties, which are masked in its ids. What mm4d 1.0.0 stored has none. */
  readonly numbers?: readonly string[];
}

/** What became of a message that is to be acknowledged. */
export type Acknowledgeable =
  /** Its event is stored, or was before. */
  | "event"
  /** It is in quarantine, because it cannot be read. */
  | "unreadable"
  /** It is in quarantine, because it is more than an event may hold. */
  | "too-large"
  /** It is in quarantine, because of a fault of ours. */
  | "internal-error"
  /** It is a PDU that we do not do. */
  | "other-pdu";

/**
 * What the response says of it. What is not here is never said: a report that
 * cannot be stored, or comes from elsewhere, hears of it in SMTP, and whether an
 * MM is known we cannot tell.
 */
export const ANSWERS: Readonly<Record<Acknowledgeable, Pick<Acknowledgement, "requestStatus" | "statusText">>> = {
  event: { requestStatus: "Ok", statusText: null },
  unreadable: {
    requestStatus: "Error-message-format-corrupt",
    statusText: "No status that can be read; the message is kept for a person",
  },
  "too-large": {
    requestStatus: "Error-message-format-corrupt",
    statusText: "It holds more than a report may; the message is kept for a person",
  },
  "internal-error": {
    requestStatus: "Error-unspecified",
    statusText: "The message could not be processed; it is kept for a person",
  },
  "other-pdu": { requestStatus: "Error-unsupported-message", statusText: "This PDU is not supported here" },
};

/**
 * What a failed attempt tells of the MMSC: it cannot be reached or used; it is there,
 * and did not take this message now; or nothing, because it was not asked.
 */
export type MmscSeen = "away" | "there" | "not-asked";

/** What came of one attempt to send it. */
export type SendResult =
  /** The response was taken. `reply` is the MMSC's. */
  | { readonly kind: "sent"; readonly reply: string }
  /** A 5xx for this message: the same again would come to the same. RFC 5321 §4.2.1. */
  | { readonly kind: "refused"; readonly reason: string }
  /** A 4xx, no connection, no login, no answer; or its MMSC could not be reached just before. */
  | { readonly kind: "failed"; readonly reason: string; readonly mmsc: MmscSeen }
  /** So many wait for that peer, or for one that finds out whether its MMSC is back, that this one was not tried. */
  | { readonly kind: "busy" };
