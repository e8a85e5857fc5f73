/** Shows single jobs of a queue: which event each is, how often it was tried, and with what error. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { beginningOf } from "../text/beginning.ts";
import { eventIdIn } from "./job-sought.ts";
import type { JobRow } from "./views.ts";

/** The id stands behind the event's own ids, of a thousand characters each. */
const DATA_BYTES = 16_384;
/** Enough for so many characters of any kind. */
const ERROR_BYTES = 4 * BOUNDS.errorShown.value;

/** Redis would give values as a whole. */
const SHOW = `
local found = {}
for place, key in ipairs(KEYS) do
  local error, data, attempts, made, began =
    unpack(redis.call('HMGET', key, 'failedReason', 'data', 'atm', 'timestamp', 'processedOn'))
  found[place] = {
    string.sub(error or '', 1, tonumber(ARGV[1])), string.sub(data or '', 1, tonumber(ARGV[2])),
    attempts or '0', made or '', began or ''
  }
end
return found
`;

/** In milliseconds since 1970, as BullMQ writes them; empty where it has not. */
export interface JobTimes {
  readonly made: string;
  /** Of the last attempt. */
  readonly began: string;
}

type Found = readonly [error: string, data: string, attempts: string, made: string, began: string];

/** `atMs`: which time is told of each, in milliseconds since 1970. Rejects when Redis does not answer. */
export async function jobRows(
  { redis, prefix }: QueuePlace,
  queue: string,
  jobs: readonly { readonly id: string; readonly atMs: (times: JobTimes) => number }[],
): Promise<JobRow[]> {
  if (jobs.length === 0) return [];
  const keys = jobs.map(({ id }) => `${prefix}:${queue}:${id}`);
  const found = (await redis.eval(SHOW, keys.length, ...keys, ERROR_BYTES, DATA_BYTES)) as Found[];
  return jobs.map(({ id, atMs }, index) => {
    const [error, data, attempts, made, began] = found[index] ?? ["", "", "0", "", ""];
    return {
      id,
      eventId: eventIdIn(data),
      messageId: messageIdIn(data),
      numbers: numbersIn(data),
      attempts: Number(attempts) || 0,
      at: timeOf(atMs({ made, began })),
      text: beginningOf(error, BOUNDS.errorShown.value),
    };
  });
}

/** In the beginning of an event's JSON, where it comes first of all that has that name; null where there is none. */
function messageIdIn(json: string): string | null {
  const text = /"messageId":("(?:[^"\\]|\\.)*")/.exec(json)?.[1];
  try {
    return text === undefined ? null : (JSON.parse(text) as string);
  } catch {
    // Another program has put something on the queue.
    return null;
  }
}

/** The first numbers of the parties that the beginning of an event's JSON names. */
function numbersIn(json: string): readonly string[] {
  const parties = [...json.matchAll(/"(?:raw|number)":"([^"\\]*)/g)].slice(0, MAX_PARTIES);
  return [...new Set(parties.flatMap(([, written = ""]) => written.match(/\d{7,15}/g) ?? []))];
}

const MAX_PARTIES = 40;

/** RFC 3339, UTC; null for what is no time. */
export function timeOf(ms: number): string | null {
  return Number.isFinite(ms) && Math.abs(ms) <= MAX_TIME_MS ? new Date(ms).toISOString() : null;
}

/** The last that is a time. */
const MAX_TIME_MS = 8.64e15;
