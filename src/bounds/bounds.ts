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
  numbersKnown: {
    value: 100,
    unit: "things",
    about: "the numbers of a report's parties that are looked for where its texts are masked",
    reason: "a report has two, a response as many as it has recipients; beyond it whatever may be a number is masked",
  },
  numberDigits: {
    value: 40,
    unit: "things",
    about: "the digits of such a number",
    reason: "E.164 has 15, and a trunk code before; where one is longer, whatever may be a number is masked",
  },
  textShown: {
    value: 1_000,
    unit: "characters",
    about: "what the page and the log show of one text, such as an id, before it goes on with …",
    reason: "an id is some tens of characters; the queue and the quarantine hold the whole",
  },
  listShown: {
    value: 100,
    unit: "things",
    about: "what the page shows of one list, such as recipients, fields or the steps of a report",
    reason: "nobody reads more; the command line tells all",
  },
  valueShown: {
    value: 16_384,
    unit: "characters",
    about: "what the page shows of one job or event",
    reason: "an event is 1 to 3 KB; a page of a hundred is masked and written in some tens of milliseconds",
  },
  messageShown: {
    value: 65_536,
    unit: "characters",
    about: "what the page shows of a header, and of a body",
    reason: "as long as a header may be; mm4d quarantine show tells all",
  },
} as const satisfies Readonly<Record<string, Bound>>;
