/** When records were received, whatever a person has made of them by hand. */
import { decodeRecord, type JournalRecord, receivedAtOf } from "../journal/record.ts";

/** RFC 3339, UTC; empty where the record has no time. */
export function receivedAtIn(record: JournalRecord): string {
  try {
    const at: unknown = receivedAtOf(record);
    return typeof at === "string" ? at : "";
  } catch {
    return "";
  }
}

/** In milliseconds since 1970; 0 where that cannot be read. */
export function receivedMsOf(record: JournalRecord): number {
  return Date.parse(receivedAtIn(record)) || 0;
}

/** How almost every record begins: reading it as a whole takes longer than packing it. */
const MESSAGE = /^\{"id":"([\w-]+)","kind":"message","at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"/;
const MESSAGE_BYTES = 160;

/**
 * The id of a record, and when it was received, of its JSON in the journal: in milliseconds since 1970, NaN where that
 * cannot be read. Undefined when this version knows no such record.
 */
export function toldOf(json: Buffer): { readonly id: string; readonly receivedMs: number } | undefined {
  const [, id, at = ""] = MESSAGE.exec(json.toString("latin1", 0, MESSAGE_BYTES)) ?? [];
  if (id !== undefined) return { id, receivedMs: Date.parse(at) };
  const record = decodeRecord(json);
  return record && { id: record.id, receivedMs: Date.parse(receivedAtIn(record)) };
}
