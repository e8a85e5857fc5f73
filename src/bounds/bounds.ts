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
  typeLookedFor: {
    value: 65_536,
    unit: "bytes",
    about: "how much of a message without a type in its header is searched for one",
    reason:
      "a report that a relay has wrapped stands near the beginning; beyond it the message is no MM4 message, and refused",
  },
} as const satisfies Readonly<Record<string, Bound>>;
