/** Lists what waits on a queue, or is in consumers' hands: what has for longest, however much it is. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { sum } from "../text/quantities.ts";
import { type JobTimes, jobRows } from "./job-rows.ts";
import type { ListedJobs, ListedState } from "./views.ts";

/** Rejects when Redis does not answer. */
export async function listJobs(place: QueuePlace, queue: string, state: ListedState): Promise<ListedJobs> {
  const { all, ids } = await (state === "waiting" ? waiting : active)(
    place,
    (part) => `${place.prefix}:${queue}:${part}`,
  );
  const atMs = TIMES[state];
  return {
    all,
    jobs: await jobRows(
      place,
      queue,
      ids.map((id) => ({ id, atMs })),
    ),
  };
}

const TIMES = {
  waiting: ({ made }) => msOf(made),
  active: ({ began }) => msOf(began),
} as const satisfies Record<ListedState, (times: JobTimes) => number>;

interface Ids {
  readonly all: number;
  readonly ids: readonly string[];
}

type KeyOf = (part: string) => string;

const MOST = BOUNDS.jobsListed.value;

/** Consumers take from the end of a list, and what has a priority behind all others. */
async function waiting({ redis }: QueuePlace, key: KeyOf): Promise<Ids> {
  const [wait, paused, prioritized, ...counts] = await Promise.all([
    redis.lrange(key("wait"), -MOST, -1),
    redis.lrange(key("paused"), -MOST, -1),
    redis.zrange(key("prioritized"), 0, MOST - 1),
    redis.llen(key("wait")),
    redis.llen(key("paused")),
    redis.zcard(key("prioritized")),
  ]);
  const ids = [...wait.reverse(), ...paused.reverse(), ...prioritized].slice(0, MOST);
  return { all: sum(counts), ids };
}

async function active({ redis }: QueuePlace, key: KeyOf): Promise<Ids> {
  const [ids, all] = await Promise.all([redis.lrange(key("active"), -MOST, -1), redis.llen(key("active"))]);
  return { all, ids: ids.reverse() };
}

function msOf(text: string): number {
  return text === "" ? Number.NaN : Number(text);
}
