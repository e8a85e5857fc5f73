/** When records were received, whatever a person has made of them by hand. */
import { type JournalRecord, receivedAtOf } from "../journal/record.ts";

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
