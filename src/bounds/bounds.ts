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
  unfinishedShare: {
    value: 0.5,
    unit: "share",
    about: "unfinished messages of one peer, of `MM4D_MAX_UNFINISHED_BYTES`",
    reason: "what one peer fills leaves as much for the others; beyond it 452, and its relay sends again",
  },
  unreadInput: {
    value: 131_072,
    unit: "bytes",
    about: "what a client said that waits until it reads our replies, counted as an unfinished message of its peer",
    reason:
      "two reads of a socket; where there is no room for it the connection is closed, because its client reads no reply",
  },
  placeWaited: {
    value: 10_000,
    unit: "ms",
    about: "how long MAIL waits for a place, on a connection beyond its peer's limit",
    reason:
      "a relay that opens many at a time ends most of them soon (Postfix keeps one for 2 s behind its last message); then 450, and it sends again",
  },
  spareConnectionsOfPeer: {
    value: 100,
    unit: "things",
    about:
      "connections of one peer beyond its limit that are greeted, and answered 450 at MAIL when no place becomes free",
    reason: "more than mail servers open to one host at a time; further ones are closed without a word",
  },
  spareConnections: {
    value: 1_000,
    unit: "things",
    about: "such connections of all peers",
    reason: "each takes some memory and an open file; further ones are closed without a word",
  },
  parameters: {
    value: 20,
    unit: "things",
    about: "parameters behind the address of one MAIL or RCPT",
    reason: "seven are known; beyond it 501, so that a line full of them costs no more than another",
  },
  loginsWaitingOfPeer: {
    value: 100,
    unit: "things",
    about: "passwords of one peer that wait to be compared; peers take turns",
    reason: "five seconds of hashing; beyond it 454, and who was right before never waits",
  },
  loginsWaitingOfNetwork: {
    value: 2,
    unit: "things",
    about: "of them, those of one address (IPv6: of one /64)",
    reason: "a relay's own connections share its password, of which one is compared and remembered; beyond it 454",
  },
  failedLoginsOfPeer: {
    value: 1_000,
    unit: "things",
    about: "addresses of one peer (IPv6: networks of /64) whose failed logins are remembered",
    reason:
      "each failure of an address is answered later than the one before; of more, the one that failed longest ago is forgotten",
  },
} as const satisfies Readonly<Record<string, Bound>>;
