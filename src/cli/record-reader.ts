/** Reads records of the journal as the service does: messages by the rules in their record, with the catalogue of now. */
import { destinationOf } from "../acknowledgement/responder.ts";
import type { Acknowledging } from "../flow/read.ts";
import { createReadRecords, type Ready } from "../flow/ready.ts";
import type { JournalRecord } from "../journal/record.ts";
import { type Config, systemAddressOf } from "../settings/config.ts";
import { loadReading } from "../settings/reading.ts";
import { TELL_UNREAD } from "./peers-tables.ts";

/** Reads the operator's catalogue file. Throws one sentence for each of its faults. The reader never throws. */
export function createRecordReader(config: Config): (record: JournalRecord) => Ready {
  const reading = loadReading(config, TELL_UNREAD);
  const read = createReadRecords({ reading: () => reading, acknowledging: acknowledgingOf(config) });
  // A record that ended the service is read here all the same, because only this command is in danger.
  return (record) => read(record, 0);
}

/** For a search, which a fault in the operator's catalogue file must not stop: by it hardly a name is made otherwise. */
export function createSearchReader(config: Config): (record: JournalRecord) => Ready {
  try {
    return createRecordReader(config);
  } catch {
    return createRecordReader({ ...config, catalogueFile: "" });
  }
}

/** What the service would say of an acknowledgement, by a message's own rules. */
export function acknowledgingOf(config: Config): Acknowledging {
  return { systemAddress: systemAddressOf(config), canSend: (entry, to) => destinationOf(entry, to) !== null };
}
