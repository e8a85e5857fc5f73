/**
 * All our replies, and when each is given: one table. They replace the words of
 * smtp-server (see connection.ts).
 *
 * 4xx asks the peer to send again, so it is used exactly where that can help. Our
 * own faults are never 5xx. Nothing that the peer wrote is echoed, so nothing has to
 * be escaped. RFC 5321 §4.2; enhanced codes RFC 3463.
 */
export interface SmtpReply {
  readonly code: number;
  /** Begins with the enhanced code, except for 3xx, which has none. RFC 2034 §4. */
  readonly text: string;
  /** When it is given, for docs/replies.md. */
  readonly when: string;
  /** The name under which a refusal is counted and listed. Replies that refuse nothing have none. */
  readonly reason?: string;
  /** Set when the client did something that no correct relay does. */
  readonly bad?: true;
}

export const REPLIES = {
  stored: {
    code: 250,
    text: "2.0.0 Report stored",
    when: "the report is on our disk, as it was said; its event reaches the queue. What only reading shows, behind this reply, is told to no relay: a report that holds more than an event may, or at which mm4d fails, is kept in quarantine",
  },
  quarantined: {
    code: 250,
    text: "2.0.0 Message stored for inspection",
    when: "the message is an MM4 report that cannot be read (no status at all, an unknown type, or a type behind its header); it is kept whole for a person",
  },
  ignored: {
    code: 250,
    text: "2.0.0 Message accepted, not queued",
    when: "the message is another MM4 PDU (an MM, or a response to one of ours); it is counted and dropped, because a 5xx would make peers drop the link",
  },
  bounce: {
    code: 250,
    text: "2.0.0 Bounce stored",
    when: "the message is a bounce with the null sender: a DSN, or whatever holds the id of a mail of ours; it is tied to the acknowledgement that it concerns",
  },
  notStored: {
    code: 451,
    text: "4.3.0 Cannot store the report now, try again later",
    when: "the disk failed, is full, did not answer within 4 s, or the journal is at its limit, or what its peer may have of it is used up (seven eighths of what the others leave); in queue mode, Redis did not take it within 4 s; or the message cannot be read, and its peer's share of the quarantine is used up; or it is a report, and as much of its peer waits aside in the journal for room in quarantine as may (a sixteenth of the journal), or in queue mode it belongs there and finds no room; or it is a bounce, and too many of its peer still wait to be tied",
  },
  internalError: {
    code: 451,
    text: "4.3.0 Internal error, try again later",
    when: "mm4d failed in a way it should not have; the log has the stack",
  },
  notMm4: {
    code: 554,
    text: "5.6.0 Not an MM4 message: it has no X-Mms-Message-Type field",
    when: "the mail is not MM4",
    reason: "not-mm4",
  },
  headerTooLarge: {
    code: 552,
    text: "5.3.4 The header is too large",
    when: "the header is beyond `MM4D_MAX_HEADER_BYTES` or `MM4D_MAX_HEADER_FIELDS`",
    reason: "header-too-large",
  },
  messageTooLarge: {
    code: 552,
    text: "5.3.4 The message is too large",
    when: "the message is larger than `MM4D_MAX_MESSAGE_BYTES`: at MAIL where its size is announced, else as soon as it is, and the connection is closed",
    reason: "message-too-large",
  },
  noRoom: {
    code: 452,
    text: "4.3.1 Too many unfinished messages at a time, try again later",
    when: "there is no room left for the message among those that are not finished (`MM4D_MAX_UNFINISHED_BYTES`, of which no peer has more than half of what the others leave): at MAIL where its size is announced, at DATA, or at its end",
    reason: "unfinished-messages",
  },
  bareNewline: {
    code: 554,
    text: "5.6.0 A line of the message ends in CR or LF alone, must end in CRLF",
    when: "a line of the message ends in CR or LF alone, and the peer's entry has no `bareNewlines`; the connection is closed, because where such a message ends is anybody's guess",
    reason: "bare-newline",
  },
  unknownPeer: {
    code: 554,
    text: "5.7.1 Your address is not a known peer's",
    when: "at connect, from an address that is no peer's",
    reason: "unknown-peer",
  },
  healthCheckOnly: {
    code: 451,
    text: "4.7.1 A balancer may not send mail for itself, its PROXY header must name a client",
    when: "at MAIL, from a balancer in `MM4D_PROXIES` whose PROXY header names no client (LOCAL, UNKNOWN) or a balancer, and that is no listed peer: a health check, of which EHLO, HELO, NOOP, RSET, STARTTLS and QUIT are answered",
    reason: "balancer-itself",
  },
  unknownDomain: {
    code: 550,
    text: "5.7.1 This server takes mail for its own domains only",
    when: "a recipient's domain is not in `MM4D_DOMAIN`, and no address of ours that the client is connected to",
    reason: "unknown-domain",
  },
  senderNotAllowed: {
    code: 550,
    text: "5.7.1 Mail from this domain is not expected from you",
    when: "the sender's domain is not in the peer's `mailFromDomains`",
    reason: "mail-from-domain",
  },
  tlsRequired: {
    code: 530,
    text: "5.7.0 STARTTLS must come first",
    when: "at MAIL without TLS, from a peer whose entry requires it or a client certificate",
    reason: "tls-required",
  },
  certificateRefused: {
    code: 554,
    text: "5.7.1 Your client certificate is not the expected one",
    when: "at MAIL, when the peer's entry asks for a client certificate and another one was shown, or none",
    reason: "client-certificate",
  },
  authRequired: {
    code: 530,
    text: "5.7.0 Authentication required",
    when: "at MAIL without AUTH, from a peer whose entry has a user",
    reason: "auth-required",
  },
  authEncryption: {
    code: 538,
    text: "5.7.11 AUTH is taken under TLS only",
    when: "AUTH without TLS",
    reason: "auth-without-tls",
    bad: true,
  },
  authMechanism: {
    code: 504,
    text: "5.5.4 Only AUTH PLAIN and LOGIN are taken",
    when: "AUTH by another mechanism",
    bad: true,
  },
  authFailed: {
    code: 535,
    text: "5.7.8 Wrong user or password",
    when: "AUTH with a wrong user or password; the reply comes later with each failure of an address",
    reason: "auth-failed",
  },
  authTooOften: {
    code: 421,
    text: "4.7.0 Too many failed logins",
    when: "at the third failed AUTH of a connection",
    reason: "auth-failed",
  },
  authBusy: {
    code: 454,
    text: "4.7.0 Too many logins, try again later",
    when: "AUTH while others of its peer wait to be checked (two of the same address or IPv6 /64, a hundred in all), or too soon after one that failed",
    reason: "auth-busy",
  },
  tooManyClients: {
    code: 421,
    text: "4.3.2 Too many connections, try again later",
    when: "at connect, beyond `MM4D_MAX_CLIENTS`",
    reason: "too-many-connections",
  },
  tooManyOfPeer: {
    code: 450,
    text: "4.7.0 Too many connections from you, try again later",
    when: "at MAIL, on a connection beyond `MM4D_MAX_CLIENTS_PER_PEER` or the peer's `limits.connections`, when no other has ended within 10 s; the connection stays, because mail servers that hear 421 instead of a greeting suspend the whole destination",
    reason: "too-many-connections-of-peer",
  },
  tooFast: {
    code: 451,
    text: "4.7.0 Too many messages a second, try again later",
    when: "at MAIL, beyond `MM4D_MAX_MESSAGES_PER_SECOND` or the peer's `limits.messagesPerSecond`",
    reason: "too-fast",
  },
  tooManyMessages: {
    code: 421,
    text: "4.7.0 Too many messages on one connection, connect again",
    when: "at MAIL, beyond `MM4D_MAX_MESSAGES_PER_CONNECTION`",
    reason: "too-many-messages",
  },
  tooManyRecipients: {
    code: 452,
    text: "4.5.3 Too many recipients",
    when: "at RCPT, beyond `MM4D_MAX_RECIPIENTS`",
    reason: "too-many-recipients",
  },
  tooManyBadCommands: {
    code: 421,
    text: "4.7.0 Too many bad commands",
    when: "at the last of `MM4D_MAX_BAD_COMMANDS` unknown, malformed or misplaced commands since the last message; from a listed peer, when so many come faster than ten a second",
    reason: "too-many-bad-commands",
  },
  tooManyCommands: {
    code: 421,
    text: "4.7.0 Too many commands without a message, connect again",
    when: "beyond `MM4D_MAX_COMMANDS` since the last message, recipients not counted; from a listed peer, when so many (or its `limits.commands`) come faster than ten a second: HELO, NOOP or RSET every few seconds keep its connection open for `MM4D_SESSION_SECONDS`",
    reason: "too-many-commands",
  },
  earlyTalker: {
    code: 421,
    text: "4.7.0 Wait for the greeting before you talk",
    when: "the client talks before our greeting, and is no listed peer (those are greeted at once)",
    reason: "early-talker",
  },
  http: {
    code: 421,
    text: "4.7.0 This is no HTTP server",
    when: "the client speaks HTTP",
    reason: "http",
  },
  lineTooLong: {
    code: 421,
    text: "4.5.2 The command line is too long",
    when: "a command line has more than 4,096 octets",
    reason: "line-too-long",
  },
  firstCommandLate: {
    code: 421,
    text: "4.4.2 No command came in time",
    when: "no whole command line within `MM4D_FIRST_COMMAND_SECONDS` of the connection; a PROXY header and a TLS handshake count as part of it",
    reason: "first-command-late",
  },
  lineLate: {
    code: 421,
    text: "4.4.2 The command line took too long",
    when: "a command line, or the handshake after STARTTLS, is not whole after `MM4D_LINE_SECONDS`",
    reason: "line-late",
  },
  dataLate: {
    code: 421,
    text: "4.4.2 The message took too long",
    when: "a message is not whole after `MM4D_DATA_SECONDS`",
    reason: "data-late",
  },
  idle: {
    code: 421,
    text: "4.4.2 Idle for too long, connect again",
    when: "no command for `MM4D_IDLE_SECONDS`; for a listed peer, for `MM4D_PEER_IDLE_SECONDS`",
    reason: "idle",
  },
  sessionOver: {
    code: 421,
    text: "4.4.2 The connection has been open for long, connect again",
    when: "between two messages, after `MM4D_SESSION_SECONDS`; in the middle of a transaction that is not going on, `MM4D_PEER_IDLE_SECONDS` later",
    reason: "session-over",
  },
  accessChanged: {
    code: 421,
    text: "4.7.0 Access was changed, connect again",
    when: "between two messages, when the peers were changed and the address is nobody's or another's, or its peer has to use TLS or to prove itself in another way",
    reason: "access-changed",
  },
  shuttingDown: {
    code: 421,
    text: "4.3.2 Shutting down, try again later",
    when: "mm4d is being stopped; a transaction under way is finished first",
  },
  unknownCommand: {
    code: 500,
    text: "5.5.2 Command not recognised",
    when: "an unknown command, or one that is not offered",
    bad: true,
  },
  notImplemented: {
    code: 502,
    text: "5.5.1 Command not implemented",
    when: "VRFY, EXPN, HELP",
    bad: true,
  },
  badParameters: {
    code: 501,
    text: "5.5.4 Wrong parameters",
    when: "a command whose parameters are wrong, such as a SIZE that is no number or an AUTH with control characters; a listed peer's are passed over where they mean nothing here",
    bad: true,
  },
  unknownParameter: {
    code: 555,
    text: "5.5.4 A parameter behind the address is not known here",
    when: "at MAIL and RCPT, from a client that is no listed peer; a listed peer's unknown parameters are passed over",
    bad: true,
  },
  xclient: {
    code: 500,
    text: "5.5.2 XCLIENT is not taken here: switch it off and use the PROXY protocol (nginx: xclient off; proxy_protocol on)",
    when: "XCLIENT or XFORWARD, by which a proxy tells whose the connection is; mm4d takes the PROXY header of balancers in `MM4D_PROXIES` only",
    reason: "xclient",
    bad: true,
  },
  pathTooLong: {
    code: 501,
    text: "5.5.4 The address is too long, must have at most 256 octets",
    when: "at MAIL and RCPT, when the address with its angle brackets has more than the 256 octets of RFC 5321 §4.5.3.1.3",
    bad: true,
  },
  badSender: {
    code: 501,
    text: "5.1.7 The sender's address cannot be read",
    when: "at MAIL; a quoted local part may hold whatever RFC 5321 §4.1.2 allows, and from a listed peer an address needs neither domain nor angle brackets",
    bad: true,
  },
  badRecipient: {
    code: 501,
    text: "5.1.3 The recipient's address cannot be read",
    when: "at RCPT; likewise, and from a listed peer an address needs neither domain nor angle brackets",
    bad: true,
  },
  outOfOrder: {
    code: 503,
    text: "5.5.1 Commands out of order: HELO or EHLO, MAIL, RCPT, DATA",
    when: "a command in the wrong place, or one that can be given only once",
    bad: true,
  },
  readyForTls: { code: 220, text: "2.0.0 Ready to start TLS", when: "STARTTLS" },
  bye: { code: 221, text: "2.0.0 Bye", when: "QUIT" },
  authenticated: { code: 235, text: "2.7.0 Authenticated", when: "AUTH with the right user and password" },
  noop: { code: 250, text: "2.0.0 OK", when: "NOOP" },
  reset: { code: 250, text: "2.0.0 Reset", when: "RSET" },
  senderAccepted: { code: 250, text: "2.1.0 Sender accepted", when: "MAIL" },
  recipientAccepted: { code: 250, text: "2.1.5 Recipient accepted", when: "RCPT" },
  goAhead: { code: 354, text: "End data with <CR><LF>.<CR><LF>", when: "DATA" },
} as const satisfies Record<string, SmtpReply>;
