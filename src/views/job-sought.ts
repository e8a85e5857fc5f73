/** Who looks for a job by its id looks for its report: the trace knows that by its event's id. */
import type { QueuePlace } from "../queue/queue-place.ts";

/** As the publisher makes them. */
const JOB_ID = /^j[0-9a-f]{32}$/;
/** An event's JSON begins so. */
const EVENT_ID = /^\{"specversion":"1\.0","id":"(r[0-9a-f]{32})"/;
const BEGINNING_BYTES = 100;

/** Reads the beginning of a job's event. Redis would give it as a whole. */
const LOOK = `return string.sub(redis.call('HGET', KEYS[1], 'data') or '', 1, tonumber(ARGV[1]))`;

/** What to look for in the trace: the event's id in place of the id of its job, and anything else as it is. */
export async function eventSought(
  { redis, prefix }: QueuePlace,
  queues: readonly string[],
  wanted: string,
): Promise<string> {
  const id = wanted.trim();
  if (!JOB_ID.test(id)) return wanted;
  for (const queue of queues) {
    const beginning = (await redis.eval(LOOK, 1, `${prefix}:${queue}:${id}`, BEGINNING_BYTES)) as string;
    const eventId = eventIdIn(beginning);
    if (eventId !== null) return eventId;
  }
  return wanted;
}

/** The id of the event whose JSON begins so; null for anything else. */
export function eventIdIn(json: string): string | null {
  return EVENT_ID.exec(json)?.[1] ?? null;
}
