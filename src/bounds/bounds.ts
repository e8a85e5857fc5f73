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
  logWaiting: {
    value: 4_194_304,
    unit: "bytes",
    about: "lines of the log that wait for whoever reads stdout, in each process",
    reason:
      "some thousand reports, while a reader stands still; further lines are lost, counted (`mm4d_log_lines_lost_total`) and told of, as no report waits for its log",
  },
  idCompared: {
    value: 1_000,
    unit: "characters",
    about: "what is compared of an id, when a report is looked for",
    reason: "ids are some tens of characters; cut first, so that nothing is done with the rest",
  },
  httpConnections: {
    value: 500,
    unit: "things",
    about: "connections to the HTTP port at a time",
    reason:
      "probes, Prometheus and some tens of pages; beyond it the one that has asked nothing for the longest gives way",
  },
  httpConnectionsOfNetwork: {
    value: 250,
    unit: "things",
    about: "of these, from one address or one IPv6 /64",
    reason:
      "beyond it one of its own gives way; the newcomer is served, so that it costs nobody behind a proxy anything",
  },
  httpHeaderMs: {
    value: 5_000,
    unit: "ms",
    about: "how long the header of an HTTP request may take, from the beginning of the connection",
    reason: "a probe asks at once, and browsers keep one connection open unasked, which they open again",
  },
  httpRequestMs: {
    value: 10_000,
    unit: "ms",
    about: "how long a whole HTTP request may take",
    reason: "our forms have some hundred bytes",
  },
  httpKeptMs: {
    value: 5_000,
    unit: "ms",
    about: "how long an HTTP connection is kept for a next request",
    reason: "a page asks for its parts within a second; who comes later connects again",
  },
  httpAnswerStandsMs: {
    value: 30_000,
    unit: "ms",
    about: "how long nothing of an HTTP answer may be read",
    reason:
      "what is not read is held in memory; a page that is open reads every two seconds. Ended when nothing is read by the next look either",
  },
  httpAnswerMs: {
    value: 120_000,
    unit: "ms",
    about: "how long what was written to an HTTP client may wait to be read in all",
    reason: "some hundred kilobytes over the slowest line; reading a byte now and then puts it off no longer",
  },
  httpStreams: {
    value: 50,
    unit: "things",
    about: "pages that are live at a time",
    reason: "each is written anew every two seconds; one more is shown as it was when it was opened",
  },
  httpFormBytes: {
    value: 16_384,
    unit: "bytes",
    about: "the body of an HTTP request",
    reason: "our forms have some hundred bytes",
  },
  secretFileBytes: {
    value: 65_536,
    unit: "bytes",
    about: "a file that holds a password, a token or REDIS_URL",
    reason: "they have some tens of bytes; beyond it the start, or what is read again, is refused with a sentence",
  },
  envFileBytes: {
    value: 1_048_576,
    unit: "bytes",
    about: "a file of settings (`--env-file`, the unit's)",
    reason: "all settings with the longest list of peers take less; beyond it refused with a sentence",
  },
  settingsFileBytes: {
    value: 16_777_216,
    unit: "bytes",
    about: "a file with peers, codes or certificates",
    reason: "ten thousand peers have some megabytes; beyond it as above",
  },
  bounceBytes: {
    value: 65_536,
    unit: "bytes",
    about: "what is kept and read of a bounce",
    reason: "what it reports on is less than a kilobyte, and stands in front; what is behind says nothing of it",
  },
  bounceParts: {
    value: 20,
    unit: "things",
    about: "parts that are read of a bounce, those within parts among them",
    reason: "a bounce has three (RFC 3464 §2), and those in wrappers some more; further ones are not looked at",
  },
  bouncesWaiting: {
    value: 8_388_608,
    unit: "bytes",
    about: "bounces of one peer that are stored and not yet tied to their acknowledgements",
    reason:
      "some thousand ordinary ones; beyond it that peer's bounces, and nobody else's, are asked to come again (451)",
  },
} as const satisfies Readonly<Record<string, Bound>>;
