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
  errorsLookedAt: {
    value: 100,
    unit: "things",
    about: "jobs whose error is looked at, of those of a queue that wait to be tried again, at each look",
    reason: "one error that many share shows in these; the next look sees the next",
  },
  errorLookedAt: {
    value: 500,
    unit: "bytes",
    about: "what is read of a job's error to say whether many failed alike",
    reason: "a consumer may write any error; the beginning tells which it is",
  },
  errorQuoted: {
    value: 160,
    unit: "characters",
    about: "what status, page and /healthz quote of an error of a consumer or an MMSC",
    reason: "two lines of a terminal; `mm4d failed list` and `mm4d acks list` print more",
  },
  namesInOneReason: {
    value: 10,
    unit: "things",
    about: "peers that one sentence of status, page and /healthz names",
    reason: "a screen; of further ones it says how many",
  },
  clientsListedEvery: {
    value: 10_000,
    unit: "ms",
    about: "how often Redis is asked for its list of clients, at most",
    reason: "with ten thousand clients that is some MB; whether a consumer is connected may be told late",
  },
} as const satisfies Readonly<Record<string, Bound>>;
