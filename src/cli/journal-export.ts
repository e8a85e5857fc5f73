/** `mm4d journal export`: what the journal holds, read on the fly, as lines of JSON. */
import type { Ready } from "../flow/ready.ts";
import { describePlace, isUnderWay } from "./journal-damage.ts";
import type { Look } from "./journal-look.ts";
import { createRecordReader } from "./record-reader.ts";
import { jsonOf, printLine, tell } from "./terminal.ts";

/** One record at a time, however many there are. */
export async function printRecords({ config, service, inspection }: Look, waiting?: true): Promise<void> {
  const read = createRecordReader(config);
  for await (const found of inspection.found()) {
    if (found.kind === "record") {
      const { segment, offset, state, record } = found;
      if (!waiting || state === "waiting") await printLine(jsonOf({ segment, offset, state, ...lineOf(read(record)) }));
    } else if (!isUnderWay(found, service)) {
      tell(describePlace(found, service));
      process.exitCode = 1;
    }
  }
}

/**
 * A message has the line of what it is read as, which mm4d 1.0.0 stored in its place, and behind it what was said.
 * One of which nothing is made has what was found in it.
 */
function lineOf({ record, read, job }: Ready): object {
  if (read === null) return record;
  const { said: text, ...envelope } = read.said;
  const said = { ...envelope, text };
  return job === null ? { id: record.id, kind: record.kind, finding: read.finding, said } : { ...job, said };
}
