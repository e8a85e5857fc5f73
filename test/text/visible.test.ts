/** What a peer wrote does nothing to a terminal, however it comes there. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLog } from "../../src/monitoring/log.ts";
import { visible, visibleJson } from "../../src/text/visible.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

/** By what each does: controls, direction, no width, line ends, fillers, half of a character, a tag. */
const UNSEEN = [
  ["\u0000", "\\x00"],
  ["\u001b", "\\x1b"],
  ["\r", "\\x0d"],
  ["\u007f", "\\x7f"],
  ["\u0085", "\\x85"],
  ["\u009b", "\\x9b"],
  ["\u00ad", "\\xad"],
  ["\u061c", "\\u061c"],
  ["\u180e", "\\u180e"],
  ["\u200b", "\\u200b"],
  ["\u200d", "\\u200d"],
  ["\u200e", "\\u200e"],
  ["\u202a", "\\u202a"],
  ["\u202e", "\\u202e"],
  ["\u2028", "\\u2028"],
  ["\u2029", "\\u2029"],
  ["\u2060", "\\u2060"],
  ["\u2066", "\\u2066"],
  ["\u2069", "\\u2069"],
  ["\u3164", "\\u3164"],
  ["\ufeff", "\\ufeff"],
  ["\ud800", "\\ud800"],
  ["\udc00", "\\udc00"],
  ["\u{e0041}", "\\u{e0041}"],
] as const;
const HARMFUL = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

test.each(UNSEEN)("visible() shows %j", (char, shown) => {
  expect(visible(`a${char}b`)).toBe(`a${shown}b`);
});

test("visible() leaves line ends, tabs and what can be seen", () => {
  expect(visible("a\r\nb\tc é 漢 😀")).toBe("a\nb\tc é 漢 😀");
});

test("visibleJson() parses to the same, and holds nothing unseen", () => {
  const text = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) });
  const near = fc
    .array(fc.constantFrom(...UNSEEN.map(([char]) => char), "a", "\\", '"', "😀"))
    .map((all) => all.join(""));
  fc.assert(
    fc.property(fc.oneof(text, near), (written) => {
      const json = visibleJson(JSON.stringify({ [written]: [written] }));
      expect(json).not.toMatch(HARMFUL);
      expect(JSON.parse(json)).toEqual({ [written]: [written] });
    }),
    { numRuns: 2_000 },
  );
});

test("a line of the log holds nothing unseen, and parses to what was written", () => {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    numbers: "masked",
    process: null,
    to: { write: (line) => lines.push(line) },
  });
  const all = UNSEEN.map(([char]) => char).join("x");
  const event = eventOf(deliveryReport());
  const hostile = { ...event, data: { ...event.data, messageId: all, raw: { ...event.data.raw, mmStatusCode: all } } };
  log.reportPublished("s1", hostile, "j1");
  log.reportDuplicate("s1", hostile, "j1");
  log.redisError(new Error(all));
  log.sessionRefused({ helo: all });
  log.serviceNote(all);
  expect(lines.length).toBe(5);
  for (const line of lines) {
    expect(line.slice(0, -1)).not.toMatch(HARMFUL);
    expect(Object.values(JSON.parse(line))).toContain(all);
  }
});
