/**
 * What one message, one peer and one address may cause: every bound that is no
 * setting, once, with its reason. docs/security.md is printed from it.
 *
 * A bound is never a loss: what is beyond it is cut for people's eyes only, or
 * quarantined whole, or refused with 4xx. Bounds that are settings stand in the
 * same table of docs/security.md, from config.ts.
 */
interface Bound {
  readonly value: number;
  /** What is counted. */
  readonly unit: "bytes" | "characters" | "things" | "ms" | "share";
  /** What is bounded, and whose. */
  readonly about: string;
  /** Why this much, and what becomes of what is beyond. */
  readonly reason: string;
}

export const BOUNDS = {
  idCompared: {
    value: 1_000,
    unit: "characters",
    about: "what is compared of an id, when a report is looked for",
    reason: "ids are some tens of characters; cut first, so that nothing is done with the rest",
  },
  idLength: {
    value: 1_000,
    unit: "characters",
    about: "a message id or a transaction id of an event",
    reason: "ids are some tens of characters. A message with a longer one is quarantined: no id is ever cut",
  },
  idEchoed: {
    value: 1_000,
    unit: "bytes",
    about: "an id that an acknowledgement echoes",
    reason: "a message with a longer one is not acknowledged: a cut id would be another message's",
  },
  partyLength: {
    value: 1_000,
    unit: "characters",
    about: "the address of a recipient or an originator",
    reason: "an address has 256 octets at most (RFC 5321 §4.5.3.1.3), and a name beside it; beyond it quarantined",
  },
  recipients: {
    value: 500,
    unit: "things",
    about: "recipients that a forward response speaks of",
    reason:
      "five times what one message may be sent to; further ones are not even read, and the message is quarantined",
  },
  fieldLength: {
    value: 8_192,
    unit: "characters",
    about: "a field of an event's `raw` with its name, but for the recipients of a response",
    reason: "a status text is a sentence, and twenty addresses are one kilobyte; beyond it quarantined",
  },
  fields: {
    value: 200,
    unit: "things",
    about: "fields in an event's `raw`",
    reason: "MM4 defines some thirty, and gateways add some; beyond it quarantined",
  },
  eventBytes: {
    value: 131_072,
    unit: "bytes",
    about: "an event as JSON",
    reason:
      "an ordinary one has one kilobyte, and one with 500 recipients and their domains a hundred; beyond it quarantined",
  },
  consumedEventBytes: {
    value: 16_384,
    unit: "bytes",
    about: "an event whose job is kept when it is consumed",
    reason:
      "what is kept for people to look at is bounded by `MM4D_COMPLETED_KEEP_COUNT`, so that it must not be large; the job of a larger one is removed with its consumption",
  },
  heloLength: {
    value: 255,
    unit: "characters",
    about: "the name by which a client greets, in events and lists",
    reason: "a name has 255 octets at most (RFC 5321 §4.5.3.1.2); cut, because nothing is decided by it",
  },
  detailLength: {
    value: 4_000,
    unit: "characters",
    about: "why a message is in quarantine, in words",
    reason: "the stack of a fault of ours, which may quote the message; cut, because the message itself is kept whole",
  },
} as const satisfies Readonly<Record<string, Bound>>;
