/** What must hold for every input, tried with many. A failure prints the seed that repeats it. */
import fc from "fast-check";
import { simpleParser } from "mailparser";
import { expect, test } from "vitest";
import { type Ordered, shouldApply } from "../src/delivery/order.ts";
import { readParty } from "../src/mm4/address.ts";
import { splitAddresses } from "../src/mm4/address-list.ts";
import { composePdu, type PduToCompose } from "../src/mm4/compose.ts";
import { readHeader } from "../src/mm4/header.ts";
import { deliveryReport, eventOf, HEADER_LIMITS, PEER, read } from "./support/report.ts";

const word = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.=?^_`{|}~-]{1,30}$/).filter((text) => !text.includes("=?"));
const number = fc
  .integer({ min: 100, max: 999 })
  .chain((area) => fc.integer({ min: 0, max: 99 }).map((last) => `+1${area}55501${String(last).padStart(2, "0")}`));
const date = fc
  .date({ min: new Date("1970-01-01"), max: new Date("2100-01-01"), noInvalidDate: true })
  .map((at) => new Date(Math.floor(at.getTime() / 1000) * 1000));
const report: fc.Arbitrary<PduToCompose> = fc.record({
  kind: fc.constantFrom("delivery-report" as const, "forward-response" as const, "read-report" as const),
  transactionId: word,
  messageId: word,
  recipient: number.map((digits) => `${digits}/TYPE=PLMN`),
  originator: number,
  date,
  status: fc.option(word, { nil: undefined }),
  statusExtension: fc.option(word, { nil: undefined }),
  statusText: fc.option(word, { nil: undefined }),
  code: fc.option(fc.integer({ min: 0, max: 9999 }).map(String), { nil: undefined }),
});

test("the reader never throws, whatever the bytes", () => {
  const near = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "X-Mms-Message-Type: MM4_delivery_report.REQ\r\n",
          "X-Mms-MM-Status-Code: Retrieved\r\n",
          "X-Internal-Status-Code: ",
          "From: ",
          "Date: ",
          "X-Mms-Message-ID: ",
          "=?utf-8?B?",
          "?=",
          "\r\n",
          "\n",
          " ",
          "\t",
          "<",
          ">",
          '"',
          ",",
          "@",
          "/TYPE=PLMN",
          "(",
        ),
        fc.string({ unit: "binary", maxLength: 20 }),
      ),
      { maxLength: 60 },
    )
    .map((parts) => Buffer.from(parts.join(""), "latin1"));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 2_000 }), near), (bytes) => {
      // An event is held against the schema as well.
      read(bytes);
    }),
    { numRuns: 3_000 },
  );
});

/** What addresses and lists of them are made of, joined in any way. */
const addresses = fc
  .array(
    fc.oneof(
      fc.stringMatching(/^[0-9]{1,17}$/),
      fc.stringMatching(/^[a-z]{1,4}$/),
      fc.constantFrom("+", "+0", "00", "011", "/TYPE=PLMN", "/TYPE=", "/type=ipv4", "@", "@a.example", "%2B", "tel:"),
      fc.constantFrom(" ", "  ", "\t", ",", ";", "|", ".", "-", '"', "<", ">", "(", ")", "Ok", "Error-x", "128"),
    ),
    { maxLength: 14 },
  )
  .map((parts) => parts.join(""));
const rules = fc.record({
  nanp: fc.boolean(),
  internationalPrefixes: fc.subarray(["00", "011", "810"]),
});

test("a party is a number that could be one: no country code begins with 0, and no number is a mailbox", () => {
  fc.assert(
    fc.property(addresses, rules, (text, numberRules) => {
      const { party } = readParty(text, numberRules);
      expect(party.raw).toBe(text.trim());
      if (party.kind === "e164") expect(party.number).toMatch(/^\+[1-9]\d{6,14}$/);
      else if (party.kind === "shortcode") expect(party.number).toMatch(/^\d{3,8}$/);
      else expect(party.number).toBe(null);
      // Of the digits of a number each was written.
      const written = text.replace(/\D/g, "");
      if (party.number !== null && !numberRules.nanp) expect(written).toContain(party.number.replace("+", ""));
      if (party.domain !== null) expect(party.domain).not.toMatch(/[@/\s]/);
      if (party.kind === "email") {
        expect(party.domain).not.toBe(null);
        // But in its display name, or a comment, or as part of a word.
        expect(text).not.toMatch(/^(?:[^@<(]*[^@<(a-z\d_-])?[\d_-]*\d{10}[\d_-]*(?:[^@<(a-z\d_-][^@<(]*)?@/i);
      }
    }),
    { numRuns: 3_000 },
  );
});

test("whatever splits a list keeps every digit of it, and what is split without a comma is told", () => {
  fc.assert(
    fc.property(addresses, (list) => {
      const split = splitAddresses(list);
      expect(split.addresses.join(" ").match(/\d+/g)).toEqual(list.match(/\d+/g));
      if (split.addresses.length > 1 && !list.includes(",")) expect(split.withoutCommas).toBe(true);
      expect(split.addresses.every((address) => address.trim() === address && address !== "")).toBe(true);
    }),
    { numRuns: 3_000 },
  );
});

test("no digits of a response's recipients are lost without a word", () => {
  fc.assert(
    fc.property(addresses, (list) => {
      const { data } = eventOf(
        deliveryReport({
          "X-Mms-Message-Type": "MM4_forward.RES",
          "X-Mms-Request-Status-Code": "Ok",
          "X-Mms-Request-Recipients": list,
        }),
      );
      const told = data.warnings.some((warning) =>
        ["unreadable-request-recipient", "unreadable-domain", "control-characters-removed"].includes(warning),
      );
      if (told) return;
      // Each run of digits that may be a number is a recipient's, or stands in its domain, display name, comment, mailbox or status.
      for (const digits of list.match(/\d{7,}/g) ?? []) {
        const holds = data.requestRecipients.some(
          ({ party: { raw, number: read, kind, domain }, status }) =>
            [read, domain, status].some((text) => text?.includes(digits)) ||
            (raw.includes(digits) && (kind === "email" || /[<(]/.test(raw))),
        );
        expect([list, digits, holds]).toEqual([list, digits, true]);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a composed report reads back equal", () => {
  fc.assert(
    fc.property(report, (composed) => {
      const result = read(composePdu(composed));
      if (composed.status === undefined && composed.code === undefined) {
        expect(result).toMatchObject({ ok: false, error: { kind: "no-status" } });
        return;
      }
      const { data } = eventOf(composePdu(composed));
      const forwarding = composed.kind === "forward-response";
      expect(data).toMatchObject({
        messageId: composed.messageId,
        transactionId: composed.transactionId,
        handledAt: composed.date.toISOString(),
      });
      expect(data.recipient?.raw ?? data.requestRecipients[0]?.party.raw).toBe(composed.recipient);
      expect(data.originator?.number ?? null).toBe(forwarding ? null : composed.originator);
      const said = {
        "delivery-report": data.raw.mmStatusCode,
        "forward-response": data.raw.requestStatusCode,
        "read-report": data.raw.readStatus,
      };
      expect(said[composed.kind as keyof typeof said]).toBe(composed.status ?? null);
      expect([data.raw.statusExtension, data.raw.statusText, data.raw.internalStatusCode]).toEqual([
        composed.statusExtension ?? null,
        composed.statusText ?? null,
        composed.code ?? null,
      ]);
    }),
    { numRuns: 500 },
  );
});

test("on well-formed messages mailparser sees the same names, in the same order, with the same values", async () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/);
  const line = fc.stringMatching(/^[!-~]([ -~]{0,40}[!-~])?$/);
  const value = fc.array(line, { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 12 }),
      fc.constantFrom("\r\n", "\n"),
      async (fields, end) => {
        const bytes = Buffer.from(
          `${fields.map(([key, lines]) => `${key}: ${lines.join(`${end}\t`)}${end}`).join("")}${end}body${end}`,
        );
        const header = readHeader(bytes, HEADER_LIMITS);
        if (!header.ok) throw new Error(header.error.kind);
        const { headerLines } = await simpleParser(bytes);
        expect(header.value.fields.map((field) => [field.key, field.bytes])).toEqual(
          headerLines.map(({ key, line: whole }) => [
            key,
            whole
              .slice(whole.indexOf(":") + 1)
              .replace(/[ \t]*\r?\n[ \t]+/g, " ")
              .trim(),
          ]),
        );
      },
    ),
    { numRuns: 200 },
  );
});

test("the id survives what a relay may change, and nothing else", () => {
  fc.assert(
    fc.property(
      report.filter(({ status, code }) => status !== undefined || code !== undefined),
      report,
      date,
      word,
      (first, other, laterDate, transactionId) => {
        const event = eventOf(composePdu(first));
        const text = Buffer.from(composePdu({ ...first, date: laterDate, transactionId })).toString();
        const received = `Received: from a.example.net by b.example.net; ${laterDate.toUTCString()}\r\n`;
        // Names in another case, every value folded anew, a trace field in front.
        const relayed = received + text.replace(/^([\w-]+): /gm, (_, name: string) => `${name.toUpperCase()}:\r\n `);
        expect(eventOf(Buffer.from(relayed)).id).toBe(event.id);

        const { messageId, recipient, status, kind } = first;
        const same = other.messageId === messageId && other.recipient === recipient && other.kind === kind;
        if (!same) {
          const another = { ...first, messageId: other.messageId, recipient: other.recipient, kind: other.kind };
          expect(eventOf(composePdu(another)).id).not.toBe(event.id);
        }
        expect(eventOf(composePdu({ ...first, status: `${status ?? ""}x` })).id).not.toBe(event.id);
        expect(eventOf(composePdu(first), {}, { ...PEER, name: "another" }).id).not.toBe(event.id);
      },
    ),
    { numRuns: 300 },
  );
});

test("shouldApply is a strict order: of any events in any order of arrival the same one is held in the end", () => {
  const ordered: fc.Arbitrary<Ordered> = fc.record({
    id: fc.constantFrom("r1", "r2", "r3"),
    rank: fc.constantFrom(10, 30, 60),
    handledAt: fc.constantFrom(null, "2026-01-02T03:04:05.000Z", "2026-01-02T03:04:06.000Z"),
  });
  fc.assert(
    fc.property(ordered, ordered, ordered, (a, b, c) => {
      expect(shouldApply(a, a)).toBe(false);
      const equal = JSON.stringify([a.id, a.rank, a.handledAt]) === JSON.stringify([b.id, b.rank, b.handledAt]);
      expect(shouldApply(a, b) || shouldApply(b, a)).toBe(!equal);
      expect(shouldApply(a, b) && shouldApply(b, a)).toBe(false);
      if (shouldApply(a, b) && shouldApply(b, c)) expect(shouldApply(a, c)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});
