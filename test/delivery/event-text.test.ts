/** The text of an event is what JSON.stringify makes of it. */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import type { CodeEntry } from "../../src/delivery/code.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { textOf } from "../../src/delivery/event-text.ts";
import { makeEvent } from "../../src/delivery/make-event.ts";
import type { Report } from "../../src/delivery/report.ts";
import { WARNINGS, type Warning } from "../../src/delivery/warning.ts";
import { deliveryReport, eventOf, read } from "../support/report.ts";

const catalogue = createCatalogue();
/** Any text, with what JSON escapes in most of them. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('"', "\\", "\n", "\u0000", "\ud800", "\u2028", "é", "mm-1", ""),
    ),
  )
  .map((parts) => parts.join(""));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const party = fc.record({
  raw: text,
  kind: fc.constantFrom("e164" as const, "shortcode" as const, "email" as const, "other" as const),
  number: maybe(text),
  domain: maybe(text),
});
const warnings = fc.subarray(Object.keys(WARNINGS) as Warning[]);
const report: fc.Arbitrary<Report> = fc.record({
  kind: fc.constantFrom("delivery-report" as const, "forward-response" as const, "read-report" as const),
  messageId: maybe(text),
  transactionId: maybe(text),
  recipient: maybe(party),
  originator: maybe(party),
  requestRecipients: fc.array(fc.record({ party, status: maybe(text) }), { maxLength: 3 }),
  statuses: fc.constant([]),
  rivalStatuses: fc.constant([]),
  statusExtension: fc.constant(null),
  codes: fc.constant([]),
  handledAt: maybe(fc.constant("2026-11-24T12:00:00.000Z")),
  raw: fc.dictionary(text, maybe(text)) as unknown as fc.Arbitrary<Report["raw"]>,
  warnings,
});
const entry: fc.Arbitrary<CodeEntry | null> = maybe(
  fc.oneof(
    fc.constantFrom(...catalogue.entries),
    fc.tuple(fc.nat({ max: 99_999 }), maybe(fc.nat({ max: 9_999 }))).map((code) => catalogue.findCode(...code)),
    fc.tuple(fc.constantFrom(...catalogue.entries), text).map(([row, said]) => ({ ...row, explanation: said })),
  ),
);
const verdict = fc.record({
  outcome: fc.constantFrom("delivered" as const, "unknown" as const),
  disposition: fc.constantFrom("success" as const, "failure" as const, "pending" as const, "unknown" as const),
  final: fc.boolean(),
  stage: fc.constantFrom("handset" as const, "carrier" as const, null),
  rejectedBy: fc.constantFrom("recipient" as const, "bandwidth" as const, null),
  conflict: fc.boolean(),
});
const peer = fc.record({
  name: text,
  address: text,
  helo: maybe(text),
  tls: maybe(fc.record({ protocol: text, cipher: text })),
  user: maybe(text),
});

test("the text of an event is byte for byte the one that JSON.stringify makes", () => {
  fc.assert(
    fc.property(report, entry, verdict, warnings, peer, text, fc.constantFrom("1", "1+own"), (...made) => {
      const [said, code, judged, warned, from, source, catalogueVersion] = made;
      const judgement = {
        verdict: judged,
        status: null,
        code: code?.code ?? null,
        codeIdentity: "",
        entry: code,
        warnings: warned,
      };
      const reception = { peer: from, receivedAt: "2026-11-24T12:00:01.000Z", source, catalogueVersion };
      const event = makeEvent(said, judgement, reception);
      expect(textOf(event)).toBe(JSON.stringify(event));
      expect(event.data.reason?.catalogueVersion).toBe(code === null ? undefined : catalogueVersion);
    }),
    { numRuns: 2_000 },
  );
});

const DIRECTORY = new URL("../messages/", import.meta.url);

test("the text of every message's event is the one that JSON.stringify makes", () => {
  let events = 0;
  for (const name of readdirSync(DIRECTORY).filter((file) => file.endsWith(".eml"))) {
    const event = read(readFileSync(new URL(name, DIRECTORY)));
    if (!event.ok) continue;
    events += 1;
    expect(textOf(event.value)).toBe(JSON.stringify(event.value));
  }
  expect(events).toBeGreaterThan(50);
});

test("an event that was changed has a text of its own", () => {
  const event = eventOf(deliveryReport());
  const replayed: DeliveryEvent = { ...event, data: { ...event.data, replayed: true } };
  expect(textOf(replayed)).toBe(JSON.stringify(replayed));
});
