/** Records for a journal, the bytes they should become, and what comes out of a journal again. */
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { SaidMessage } from "../../src/delivery/accepted.ts";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import type { Backlog, Entry } from "../../src/journal/backlog.ts";
import type { Journal } from "../../src/journal/journal.ts";
import type { JournalRecord, SaidRecord } from "../../src/journal/record.ts";
import { deliveryReport, eventOf } from "./report.ts";
import { saidRecord } from "./said-message.ts";

export interface Content {
  readonly kind: JournalRecord["kind"];
  /** What the record holds besides its fixed part. */
  readonly text: string;
  /** Of a message: what it has otherwise than an ordinary report. */
  readonly unusual?: Partial<SaidMessage>;
}

const EVENT = eventOf(deliveryReport());

export function recordOf(id: string, { kind, text, unusual }: Content): JournalRecord {
  const { peer } = EVENT.data;
  const acknowledgement = { ...ACKNOWLEDGEMENT, transactionId: text };
  switch (kind) {
    case "event":
      return {
        id,
        kind,
        event: { ...EVENT, data: { ...EVENT.data, transactionId: text } },
        ...(text.length % 2 === 0 ? { acknowledgement } : {}),
      };
    case "message":
      return saidRecord(id, Buffer.from(text, "latin1"), unusual);
    case "acknowledgement":
      return { id, kind, acknowledgement };
    case "bounce":
      return { id, kind, message: { peer, receivedAt: EVENT.time, raw: text } };
    case "quarantine":
      return { id, kind, message: { reason: "no-status", detail: null, peer, receivedAt: EVENT.time, raw: text } };
  }
}

export const ACKNOWLEDGEMENT: Acknowledgement = {
  peer: "carrier",
  eventId: null,
  receivedAt: EVENT.time,
  messageType: "MM4_delivery_report.RES",
  version: null,
  transactionId: null,
  messageId: null,
  to: "system-user@mmsc.example.net",
  originator: null,
  requestStatus: "Ok",
  statusText: null,
};

/** The line of a record, written from the description in record.ts and not with its code. */
export function lineOf(record: JournalRecord): Buffer {
  const json = JSON.stringify(record.kind === "message" ? withoutOrdinary(record) : record);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, "0")} ${Buffer.byteLength(json)} ${json}\n`);
}

function withoutOrdinary({ id, kind, message }: SaidRecord): object {
  const { sessionId, peer, entry, mailFrom, receivedAt, recognised, bytes, said } = message;
  const isOrdinary = (value: unknown) =>
    value === false || value === "bandwidth" || (Array.isArray(value) && value.length === 0);
  const rules = without(entry.rules, isOrdinary);
  return {
    id,
    kind,
    at: receivedAt,
    session: sessionId,
    from: mailFrom,
    peer: withoutLastNulls([peer.name, peer.address, peer.helo, peer.tls, peer.user]),
    rules: Object.keys(rules).length > 0 ? rules : undefined,
    acknowledge:
      entry.acknowledge.mode !== "off"
        ? without(
            { ...entry.acknowledge, mode: entry.acknowledge.mode === "auto" ? null : entry.acknowledge.mode },
            (value) => value === null,
          )
        : undefined,
    as: recognised !== "report" ? recognised : undefined,
    bytes: bytes !== said.length ? bytes : undefined,
    said,
  };
}

function withoutLastNulls(values: readonly unknown[]): readonly unknown[] {
  return values.slice(0, values.findLastIndex((value) => value !== null) + 1);
}

function without(object: object, left: (value: unknown) => boolean): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !left(value)));
}

const EVENT_AS_TEXT = lineOf(recordOf("jinside", { kind: "event", text: "a record within a record" })).toString();

/** Texts that are awkward within a line: line feeds, what looks like a record, all of Unicode. */
const text = fc.oneof(
  { weight: 4, arbitrary: fc.nat(3_000).map((length) => "x".repeat(length)) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }) },
  { weight: 1, arbitrary: fc.constantFrom("\n\n\n", "\r\n", EVENT_AS_TEXT, `\n${EVENT_AS_TEXT}`, "\ud800", "\u2028") },
);

/** What a peer may have said: any bytes, a character each. */
const said = fc.oneof(
  { weight: 3, arbitrary: fc.nat(2_000).map((length) => `Subject: ${"x".repeat(length)}\r\n\r\n`) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 300 }).map(asCharacters) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "",
      "\n",
      "\r",
      "a\rb\nc\r\n",
      "\0",
      '"\\"\\u0000',
      "\x7f\x80\x9f\xa0\xff",
      `${EVENT_AS_TEXT}\r\n\r\n`,
      asCharacters(Uint8Array.from({ length: 256 }, (_, byte) => byte)),
    ),
  },
);

function asCharacters(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

const anyText = fc.string({ unit: "binary", maxLength: 20 });

/** Of a message, all but its peer's name: what a peer may have of the journal hangs on it. */
const unusual: fc.Arbitrary<Partial<SaidMessage>> = fc.record(
  {
    sessionId: anyText,
    peer: fc.record({
      name: fc.constant(EVENT.data.peer.name),
      address: anyText,
      helo: fc.option(anyText),
      tls: fc.option(fc.record({ protocol: anyText, cipher: anyText })),
      user: fc.option(anyText),
    }),
    entry: fc.record({
      rules: fc.record({
        nanp: fc.boolean(),
        internationalPrefixes: fc.array(anyText, { maxLength: 3 }),
        swapAddresses: fc.boolean(),
        localLongCode: fc.boolean(),
        forwardedIsFinal: fc.boolean(),
        catalogue: fc.oneof(fc.constantFrom("bandwidth", "none"), anyText),
      }),
      acknowledge: fc.oneof(
        fc.constant({ mode: "off" as const, host: null, to: null }),
        fc.record({
          mode: fc.constantFrom("auto" as const, "always" as const),
          host: fc.option(anyText),
          to: fc.option(anyText),
        }),
      ),
    }),
    mailFrom: anyText,
    recognised: fc.constantFrom("report" as const, "unreadable" as const, "other-pdu" as const),
    // More than is kept of them, as a rule.
    bytes: fc.nat(20_000_000),
  },
  { requiredKeys: [] },
);

/** A message as a peer may say it, an ordinary one or not. */
export const messageContent: fc.Arbitrary<Content> = fc.oneof(
  fc.record({ kind: fc.constant("message" as const), text: said }),
  fc.record({ kind: fc.constant("message" as const), text: said, unusual }),
);

/** What reading yields, and what 1.0.0 stored. */
export const readContent: fc.Arbitrary<Content> = fc.record({
  kind: fc.constantFrom(
    "event" as const,
    "event" as const,
    "quarantine" as const,
    "acknowledgement" as const,
    "bounce" as const,
  ),
  text,
});

export const smallContent: fc.Arbitrary<Content> = fc.oneof(messageContent, readContent);

export const largeContent: fc.Arbitrary<Content> = fc.record({
  kind: fc.constantFrom("quarantine" as const, "message" as const),
  text: fc.constantFrom(
    "y".repeat(90_000),
    Array.from({ length: 40_000 }, (_, index) => String.fromCharCode((index * 7) % 256)).join(""),
    EVENT_AS_TEXT.repeat(100), // Each would be a record, were it not within one.
  ),
});

/** Takes what waits, in order, at most `most` records. */
export async function takeUpTo({ backlog }: Journal, most = Number.POSITIVE_INFINITY): Promise<Entry[]> {
  const entries: Entry[] = [];
  while (entries.length < most) {
    const entry = backlog.take();
    if (entry) entries.push(entry);
    else if (await mayTake(backlog)) await backlog.load();
    else break;
  }
  return entries;
}

function mayTake({ whenAdded }: Backlog): Promise<boolean> {
  return Promise.race([
    whenAdded().then(() => true),
    new Promise<boolean>((resolve) => setImmediate(() => resolve(false))),
  ]);
}
