/** Records for a journal, the bytes they should become, and what comes out of a journal again. */
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { SaidMessage } from "../../src/delivery/accepted.ts";
import type { Acknowledgement } from "../../src/delivery/acknowledgement.ts";
import { ORDINARY_PEER } from "../../src/delivery/peer-rules.ts";
import type { Backlog, Entry } from "../../src/journal/backlog.ts";
import type { Journal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { deliveryReport, eventOf } from "./report.ts";

export interface Content {
  readonly kind: JournalRecord["kind"];
  /** What the record holds besides its fixed part. */
  readonly text: string;
}

const EVENT = eventOf(deliveryReport());

export function recordOf(id: string, { kind, text }: Content): JournalRecord {
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
      return { id, kind, message: messageOf(text) };
    case "acknowledgement":
      return { id, kind, acknowledgement };
    case "bounce":
      return { id, kind, message: { peer, receivedAt: EVENT.time, raw: text } };
    case "quarantine":
      return { id, kind, message: { reason: "no-status", detail: null, peer, receivedAt: EVENT.time, raw: text } };
  }
}

/** An ordinary peer's report. */
function messageOf(said: string): SaidMessage {
  return {
    sessionId: "s1",
    peer: EVENT.data.peer,
    entry: { rules: ORDINARY_PEER, acknowledge: { mode: "off", host: null, to: null } },
    mailFrom: "mmsc@carrier.example",
    receivedAt: EVENT.time,
    recognised: "report",
    bytes: said.length,
    said,
  };
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
  const json = JSON.stringify(record);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, "0")} ${Buffer.byteLength(json)} ${json}\n`);
}

const EVENT_AS_TEXT = lineOf(recordOf("jinside", { kind: "event", text: "a record within a record" })).toString();

/** Texts that are awkward within a line: line feeds, what looks like a record, all of Unicode. */
const text = fc.oneof(
  { weight: 4, arbitrary: fc.nat(3_000).map((length) => "x".repeat(length)) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 50 }) },
  { weight: 1, arbitrary: fc.constantFrom("\n\n\n", "\r\n", EVENT_AS_TEXT, `\n${EVENT_AS_TEXT}`, "\ud800", "\u2028") },
);

export const smallContent: fc.Arbitrary<Content> = fc.record({
  kind: fc.constantFrom(
    "event" as const,
    "event" as const,
    "quarantine" as const,
    "acknowledgement" as const,
    "bounce" as const,
  ),
  text,
});

export const largeContent: fc.Arbitrary<Content> = fc.record({
  kind: fc.constant("quarantine" as const),
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
