/** Finds out what has become of the jobs of some rows: one question to Redis for a page, however long the queue is. */
import type { QueuePlace } from "../queue/queue-place.ts";
import { DELAYED_SCORE } from "../queue/queue-use.ts";
import { timeOf } from "./job-rows.ts";
import type { ReportRow } from "./report-row.ts";
import type { JobSeen } from "./views.ts";

/** So many at a time, so that other commands get their turn between. */
const JOBS_AT_A_TIME = 100;

/**
 * KEYS: the sets of failed and of delayed jobs, and of each job its own and that of its lock; ARGV: their ids. All
 * keys are of one queue. What stands in a job beside its times is not read, because a consumer may write any length.
 */
const LOOK = `
local found = {}
for place, id in ipairs(ARGV) do
  local key, lock = KEYS[2 * place + 1], KEYS[2 * place + 2]
  local made, attempts, began, ended = unpack(redis.call('HMGET', key, 'timestamp', 'atm', 'processedOn', 'finishedOn'))
  found[place] = {
    made or '', attempts or '', began or '', ended or '',
    redis.call('ZSCORE', KEYS[1], id) or '', redis.call('ZSCORE', KEYS[2], id) or '', redis.call('EXISTS', lock)
  }
end
return found
`;

type Found = readonly [
  made: string,
  attempts: string,
  began: string,
  ended: string,
  failed: string,
  delayed: string,
  locks: number,
];

/** The jobs of these rows' events, by their ids. Rejects when Redis does not answer. */
export function jobsOf(
  place: QueuePlace,
  queue: string,
  rows: readonly Pick<ReportRow, "jobId">[],
): Promise<ReadonlyMap<string, JobSeen>> {
  const ids = rows.flatMap(({ jobId }) => (jobId === null ? [] : [jobId]));
  return jobsSeen(place, queue, [...new Set(ids)]);
}

/** The same, of jobs by their ids. */
export async function jobsSeen(
  { redis, prefix }: QueuePlace,
  queue: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, JobSeen>> {
  const key = (part: string): string => `${prefix}:${queue}:${part}`;
  const jobs = new Map<string, JobSeen>();
  for (let from = 0; from < ids.length; from += JOBS_AT_A_TIME) {
    const some = ids.slice(from, from + JOBS_AT_A_TIME);
    const keys = [key("failed"), key("delayed"), ...some.flatMap((id) => [key(id), key(`${id}:lock`)])];
    const found = (await redis.eval(LOOK, keys.length, ...keys, ...some)) as Found[];
    for (const [index, id] of some.entries()) {
      const one = found[index];
      if (one !== undefined) jobs.set(id, jobSeen(one));
    }
  }
  return jobs;
}

/** Whether it stays as it is, whatever consumers and operators do. */
export function isOver({ state }: JobSeen): boolean {
  return state === "done" || state === "gone";
}

function jobSeen([made, attempts, began, ended, failed, delayed, locks]: Found): JobSeen {
  const seen = { attempts: Number(attempts) || 0, tookMs: null, nextAt: null };
  if (made === "") return { ...seen, state: "gone" };
  if (failed !== "") return { ...seen, state: "failed" };
  if (delayed !== "") {
    return { ...seen, state: "delayed", nextAt: timeOf(Math.floor(Number(delayed) / DELAYED_SCORE)) };
  }
  if (ended !== "") return { ...seen, state: "done", tookMs: tookMs(began, ended) };
  // A consumer's hold ends some seconds after the consumer.
  return { ...seen, state: locks > 0 ? "active" : "waiting" };
}

/** Null for what another program wrote there. */
function tookMs(began: string, ended: string): number | null {
  const ms = Number(ended) - Number(began);
  return began !== "" && ms >= 0 ? ms : null;
}
