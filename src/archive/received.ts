/** When records were received, as numbers. */
import { type JournalRecord, receivedAtOf } from "../journal/record.ts";

/** When it was received, in milliseconds since 1970; 0 where that cannot be read, because a person has edited it. */
export function receivedMsOf(record: JournalRecord): number {
  return Date.parse(receivedAtOf(record)) || 0;
}
