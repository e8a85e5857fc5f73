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
