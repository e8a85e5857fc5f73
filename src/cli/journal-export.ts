/** `mm4d journal export`: what the journal holds, read on the fly, as lines of JSON. */
import type { SaidMessage } from "../delivery/accepted.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { Config } from "../settings/config.ts";
import { describePlace, isUnderWay } from "./journal-damage.ts";
import type { Look } from "./journal-look.ts";
import { createRecordReader } from "./record-reader.ts";
import { jsonOf, printLine, tell } from "./terminal.ts";

export interface ExportOptions {
  /** Only those that are not on the queue yet. */
  readonly waiting?: true;
  /** Without reading messages. */
  readonly unread?: true;
}

/** One record at a time, however many there are. */
export async function printRecords(
  { config, service, inspection }: Look,
  { waiting, unread }: ExportOptions,
): Promise<void> {
  const line = unread ? lineOfUnread : createLines(config);
  for await (const found of inspection.found()) {
    if (found.kind === "record") {
      const { segment, offset, state, record } = found;
      if (!waiting || state === "waiting") await printLine(jsonOf({ segment, offset, state, ...line(record) }));
    } else if (!isUnderWay(found, service)) {
      tell(describePlace(found, service));
      process.exitCode = 1;
    }
  }
}

function lineOfUnread(record: JournalRecord): object {
  return record.kind === "message" ? { id: record.id, kind: record.kind, said: lineOfSaid(record.message) } : record;
}

/**
 * A message has the line of what it is read as, which mm4d 1.0.0 stored in its place, and behind it what was said.
 * One of which nothing is made has what was found in it.
 */
function createLines(config: Config): (record: JournalRecord) => object {
  const readRecord = createRecordReader(config);
  return (record) => {
    const { read, job } = readRecord(record);
    if (read === null) return record;
    const said = lineOfSaid(read.said);
    return job === null ? { id: record.id, kind: record.kind, finding: read.finding, said } : { ...job, said };
  };
}

function lineOfSaid({ said: text, ...envelope }: SaidMessage): object {
  return { ...envelope, text };
}
