/** What publishes or drains in batches, handed one record. */
import type { ReadRecord } from "../../src/journal/record.ts";
import type { Publishable, Published, Publisher } from "../../src/queue/publisher.ts";

/** One record as a batch of its own; rejects where the batch's answer is an error. */
export async function publishOne(publisher: Publisher, record: Publishable): Promise<Published> {
  const [end] = await publisher.publish([record]);
  if (end === undefined || end instanceof Error) throw end;
  return end;
}

/** A batch of which each record has its own end. */
export function eachBy<T>(
  publish: (record: ReadRecord) => Promise<T>,
): (records: readonly ReadRecord[]) => Promise<readonly (T | Error)[]> {
  return (records) => Promise.all(records.map((record) => publish(record).catch((cause: Error) => cause)));
}
