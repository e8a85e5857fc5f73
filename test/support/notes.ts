/** What the trace keeps: entries as the service makes them now, and notes as mm4d 1.0 made them. */
import { ORDINARY_PEER, type PeerRules } from "../../src/delivery/peer-rules.ts";
import { readingAgain } from "../../src/flow/read-again.ts";
import type { QueuePlace } from "../../src/queue/queue-place.ts";
import { indexOf, namesOf, packBlock, readKey, WRITE } from "../../src/trace/blocks.ts";
import { type EntryFate, type ReportEntry, summaryOf } from "../../src/trace/entry.ts";
import { headerIn } from "../../src/trace/header.ts";
import { idsOf, MAX_HEADER_LENGTH, type ReceivedNote, type TraceNote } from "../../src/trace/note.ts";
import type { TraceReading } from "../../src/trace/reading.ts";
import { decodeWords } from "./decode-words.ts";
import { deliveryReport, eventOf, type FieldsOf, HEADER_LIMITS } from "./report.ts";
import { tables } from "./tables.ts";

/** From one recipient. */
export const KIM = { From: "+12025550155/TYPE=PLMN" };

let seconds = 0;
/** A second after the note before. */
export const later = (): string => new Date(Date.UTC(2026, 0, 2) + 1000 * seconds++).toISOString();

/** The rules of the reader of now. */
export const READING_RULES = {
  decodeWords,
  headerLimits: HEADER_LIMITS,
  ...tables(),
  source: "/mm4d/local",
};

/** The reader of now, with these rules for the peer; without any, as one that does not know the peer. */
export function readingBy(rules?: Partial<PeerRules>, catalogue = READING_RULES.catalogue): TraceReading {
  const peers = rules === undefined ? [] : [{ name: "carrier", rules: { ...ORDINARY_PEER, ...rules } }];
  return readingAgain(
    () => ({ ...READING_RULES, ...tables(catalogue) }),
    () => peers,
  );
}

type Became = "queued" | { readonly duplicateOf: string };

/** A report as it is kept, read by these rules. */
export function reported(
  fields: FieldsOf | Uint8Array,
  id: string,
  { became = "queued", rules = {} }: { became?: Became; rules?: Partial<PeerRules> } = {},
): ReportEntry {
  const bytes = fields instanceof Uint8Array ? fields : deliveryReport(fields);
  const event = eventOf(bytes, rules);
  const at = later();
  const summary = summaryOf(event);
  const fate: EntryFate =
    became === "queued"
      ? { kind: "queued", at: later(), event: summary }
      : { kind: "duplicate", at: later(), of: became.duplicateOf, event: summary };
  return {
    kind: "report",
    at,
    id,
    sessionId: "s1",
    peer: event.data.peer,
    rules: { ...ORDINARY_PEER, ...rules },
    mailFrom: "system-user@mmsc.example.net",
    bytes: bytes.length,
    tookMs: 1.5,
    reply: "250 2.0.0 Report stored",
    header: headerIn(Buffer.from(bytes).toString("latin1")),
    fate,
    ids: idsOf(event),
  };
}

/** As mm4d 1.0 noted it. */
export function received(fields: FieldsOf): ReceivedNote {
  const bytes = deliveryReport(fields);
  const event = eventOf(bytes);
  return {
    kind: "received",
    at: later(),
    quarantineId: null,
    sessionId: "s1",
    peer: event.data.peer,
    mailFrom: "system-user@mmsc.example.net",
    bytes: bytes.length,
    tookMs: 1.5,
    reply: "250 2.0.0 Report stored",
    fate: null,
    header: Buffer.from(bytes).toString("latin1").slice(0, MAX_HEADER_LENGTH),
    ids: idsOf(event),
    event,
  };
}

/** As mm4d 1.0 noted it where no other note had the event. */
export const queued = ({ ids, event }: ReceivedNote, recordId: string, duplicateOf: string | null = null) =>
  ({ kind: "queued", at: later(), recordId, duplicateOf, ids, event }) as const;

/** Writes a block where mm4d 1.0 wrote it. */
export async function writeAs10({ redis, prefix }: QueuePlace, notes: readonly TraceNote[]): Promise<void> {
  const meta = `${prefix}:mm4d-trace2`;
  const index = indexOf(await readKey(redis, meta), new Set(notes.flatMap(({ ids }) => namesOf(ids))));
  const block = await packBlock(notes.map((note) => JSON.stringify(note)).join("\n"));
  await redis.eval(WRITE, 1, meta, Date.now(), 2 ** 24, 3_600_000, 3_600, block, ...index);
}
