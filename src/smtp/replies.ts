/**
 * What we answer, and when: one table.
 *
 * 4xx asks the peer to send again, so it is used exactly where that can help;
 * our own faults are never 5xx. Nothing the peer wrote is echoed, so nothing
 * has to be escaped. RFC 5321 §4.2; enhanced codes RFC 3463.
 */
export interface SmtpReply {
  readonly code: number;
  /** Begins with the enhanced code. */
  readonly text: string;
  /** When it is given, for the README. */
  readonly when: string;
}

export const REPLIES = {
  stored: {
    code: 250,
    text: "2.0.0 Report stored",
    when: "the report is on our disk; its event reaches the queue",
  },
  quarantined: {
    code: 250,
    text: "2.0.0 Message stored for inspection",
    when: "the message is an MM4 report that cannot be read (no status at all, or an unknown type); it is kept whole for a person",
  },
  ignored: {
    code: 250,
    text: "2.0.0 Message accepted, not queued",
    when: "the message is another MM4 PDU (an MM, or a response to one of ours); it is counted and dropped, because a 5xx would make peers drop the link",
  },
  notStored: {
    code: 451,
    text: "4.3.0 Cannot store the report now, try again later",
    when: "the disk failed, is full, did not answer within 4 s, or the journal is at its limit; in queue mode, Redis did not take it within 4 s; or the message cannot be read and the quarantine is full",
  },
  notMm4: {
    code: 554,
    text: "5.6.0 Not an MM4 message: it has no X-Mms-Message-Type field",
    when: "the mail is not MM4",
  },
  headerTooLarge: {
    code: 552,
    text: "5.3.4 The header is too large: at most 65536 bytes and 1000 fields",
    when: "the header is beyond those bounds",
  },
  messageTooLarge: {
    code: 552,
    text: "5.3.4 The message is too large",
    when: "the message is larger than `MM4D_MAX_MESSAGE_BYTES`",
  },
  unknownDomain: {
    code: 550,
    text: "5.7.1 This server takes mail for its own domains only",
    when: "a recipient's domain is not in `MM4D_DOMAIN`",
  },
  unknownPeer: {
    code: 554,
    text: "5.7.1 Your address is not a known peer's",
    when: "at connect, from an address that is not in `MM4D_PEERS`",
  },
  internalError: {
    code: 451,
    text: "4.3.0 Internal error, try again later",
    when: "mm4d failed in a way it should not have; the log has the stack",
  },
  tooManyClients: {
    code: 421,
    text: "4.3.2 Too many connections, try again later",
    when: "at connect, beyond `MM4D_MAX_CLIENTS`",
  },
  shuttingDown: {
    code: 421,
    text: "4.3.2 Shutting down, try again later",
    when: "mm4d is being stopped; a DATA under way is still answered first",
  },
} as const satisfies Record<string, SmtpReply>;
