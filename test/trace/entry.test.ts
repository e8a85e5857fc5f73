/** What is put together by hand says what the plain way says. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { ORDINARY_PEER, unusualIn } from "../../src/delivery/peer-rules.ts";
import { type EventSummary, entryIn, lineOf, type ReportEntry } from "../../src/trace/entry.ts";
import { headerIn } from "../../src/trace/header.ts";
import { bareId, MAX_HEADER_LENGTH, numberOf } from "../../src/trace/note.ts";

/** Any text, and what JSON escapes, which is rare among it. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\u007f", "\u2028", "\ud800", "é") }),
);
const at = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });
const summary = fc.record({
  type: fc.constant("mm4d.delivery-report.v1" as const),
  outcome: fc.constantFrom("delivered", "expired"),
  disposition: fc.constantFrom("success", "failure"),
  final: fc.boolean(),
  code: orNull(fc.nat()),
  conflict: fc.boolean(),
  warnings: fc.subarray(["unknown-status", "no-end-of-header"]),
});
const fate = fc.oneof(
  fc.record({ kind: fc.constant("queued"), at, event: summary }),
  fc.record({ kind: fc.constant("duplicate"), at, of: text, event: summary }),
  fc.record({ kind: fc.constant("quarantined"), reason: fc.constant("no-status") }),
  fc.record({ kind: fc.constant("ignored"), messageType: text }),
);
const entries = fc
  .record({
    kind: fc.constant("report"),
    at,
    id: text,
    sessionId: text,
    peer: fc.record({
      name: text,
      address: text,
      helo: orNull(text),
      tls: orNull(fc.record({ protocol: text, cipher: text })),
      user: orNull(text),
    }),
    rules: fc.record({ nanp: fc.boolean(), internationalPrefixes: fc.array(text) }).map((rules) => ({
      ...ORDINARY_PEER,
      ...rules,
    })),
    mailFrom: text,
    bytes: fc.nat(),
    tookMs: orNull(fc.nat().map((tenths) => tenths / 10)),
    reply: text,
    header: text,
    fate,
    ids: fc.record({
      eventId: orNull(text),
      messageId: orNull(text),
      transactionId: orNull(text),
      numbers: fc.array(text),
    }),
  })
  .map((entry) => {
    const { eventId } = entry.ids;
    const became =
      "event" in entry.fate ? { ...entry.fate, event: { ...entry.fate.event, eventId: eventId ?? "" } } : entry.fate;
    return { ...entry, fate: became } as ReportEntry;
  });

test("an entry's line is what JSON.stringify makes of what is not ordinary, and gives the entry again", () => {
  fc.assert(
    fc.property(entries, (entry) => {
      const line = lineOf(entry);
      expect(line).toBe(JSON.stringify(withoutOrdinary(entry)));
      expect(entryIn(line)).toEqual(entry);
    }),
    { numRuns: 500 },
  );
});

/** In the order of the line. */
function withoutOrdinary({ peer, rules, tookMs, fate: became, ids, ...entry }: ReportEntry): unknown {
  const { kind, at: receivedAt, id, sessionId, mailFrom, bytes, reply, header } = entry;
  return {
    ...{ header, kind, at: receivedAt, id, sessionId, mailFrom, bytes, reply, peer: withoutNulls(peer) },
    rules: unusualIn(rules) ?? undefined,
    tookMs: tookMs ?? undefined,
    fate: "event" in became ? { ...became, event: unusualOf(became.event) } : became,
    ids: { numbers: ids.numbers, ...withoutNulls(ids) },
  };
}

function withoutNulls(said: object): object {
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== null));
}

function unusualOf({ type, outcome, disposition, final, code, conflict, warnings }: EventSummary): unknown {
  return {
    ...{ type, outcome, disposition },
    ...(final ? {} : { final }),
    ...(code === null ? {} : { code }),
    ...(conflict ? { conflict } : {}),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
}

test("so it is where nothing is to be escaped, and where one text alone has something", () => {
  const plain = fc.stringMatching(/^[ !#-[\]-~]*$/);
  const plainPeer = fc.record({
    name: plain,
    address: plain,
    helo: orNull(plain),
    tls: fc.constant(null),
    user: orNull(plain),
  });
  const plainIds = fc.record({
    messageId: orNull(plain),
    transactionId: orNull(plain),
    numbers: fc.array(plain, { maxLength: 2 }),
  });
  const plainTexts = fc.record({
    id: plain,
    sessionId: plain,
    mailFrom: plain,
    reply: plain,
    peer: plainPeer,
    plainIds,
  });
  const places = [
    "id",
    "sessionId",
    "mailFrom",
    "reply",
    "name",
    "address",
    "helo",
    "user",
    "messageId",
    "transactionId",
    "numbers",
  ] as const;
  fc.assert(
    fc.property(
      entries,
      plainTexts,
      orNull(fc.constantFrom(...places)),
      text,
      (whole, { plainIds: ids, peer, ...texts }, place, odd) => {
        const entry = { ...whole, ...texts, peer, ids: { eventId: whole.ids.eventId === null ? null : "e", ...ids } };
        const values = { [place ?? "none"]: place === "numbers" ? [odd] : odd };
        const one = {
          ...entry,
          ...only(entry, values),
          peer: { ...peer, ...only(peer, values) },
          ids: { ...entry.ids, ...only(entry.ids, values) },
        };
        expect(lineOf(one)).toBe(JSON.stringify(withoutOrdinary(one)));
      },
    ),
    { numRuns: 500 },
  );
});

/** Those values whose names an object has. */
function only(object: object, values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in object));
}

test("a header ends at the first empty line, however it is written, or where no more is kept", () => {
  const piece = fc.constantFrom("\r", "\n", "\r\n", "x", "x".repeat(MAX_HEADER_LENGTH - 3));
  fc.assert(
    fc.property(
      fc.array(piece).map((pieces) => pieces.join("")),
      (message) => {
        const [header = ""] = message.slice(0, MAX_HEADER_LENGTH + 4).split(/\r?\n\r?\n/, 1);
        expect(headerIn(message)).toBe(header.slice(0, MAX_HEADER_LENGTH));
      },
    ),
  );
});

test("a number alone is compared as one with its type is", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^ ?\+?\d{1,20} ?$/), (number) => {
      expect(numberOf(number)).toBe(numberOf(`${number}/TYPE=PLMN`));
    }),
  );
});

test("an id that is bare is compared as one in quotes is", () => {
  const written = fc.string({ unit: fc.constantFrom(..."a<>\"' \t!é\u00a0\u3000"), maxLength: 8 });
  fc.assert(
    fc.property(written, (id) => {
      expect(bareId(id)).toBe(bareId(` ${id}`));
    }),
  );
});
