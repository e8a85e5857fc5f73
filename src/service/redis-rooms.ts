/** Opens what the service has in Redis: its queues, its trace, and what is heard of its peers. */

import type { Log } from "../monitoring/log.ts";
import type { ReasonTimes } from "../monitoring/reason-times.ts";
import type { Refusals } from "../monitoring/refusals.ts";
import { createSilence, type Silence } from "../monitoring/silence.ts";
import type { Traffic } from "../monitoring/traffic.ts";
import { type Releaser, within } from "../process/releasers.ts";
import { createHeard } from "../queue/heard.ts";
import { retrySchedule } from "../queue/owed-jobs.ts";
import { createPublisher, type Publisher } from "../queue/publisher.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { createQueueWatch, type QueueWatch } from "../queue/queue-watch.ts";
import { connectRedis, type RedisPlace } from "../queue/redis.ts";
import { createRefusalsKept, type RefusalsKept } from "../queue/refusals-kept.ts";
import { openReplays, type Replays } from "../queue/replays-kept.ts";
import type { Config } from "../settings/config.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../settings/queue-names.ts";
import { createTraceWriter, type TraceWriter } from "../trace/writer.ts";
import { REDIS_STOP_MS } from "./start-redis.ts";
import { QUEUES_SEEN_EVERY_MS } from "./upkeep.ts";

export interface RedisRooms {
  readonly queuePlace: QueuePlace;
  readonly silence: Silence;
  readonly refusalsKept: RefusalsKept;
  readonly queueWatch: QueueWatch;
  readonly replays: Replays;
  /** The waits between attempts to send an acknowledgement, in milliseconds. */
  readonly ackWaitsMs: readonly number[];
  readonly publisher: Publisher;
  readonly trace: TraceWriter;
}

export interface RedisRoomsOptions {
  readonly config: Config;
  readonly place: RedisPlace;
  readonly traffic: Traffic;
  readonly refusals: Pick<Refusals, "list">;
  readonly times: ReasonTimes;
  readonly log: Log;
}

export function openRedisRooms(options: RedisRoomsOptions, releasers: Releaser[]): RedisRooms {
  const { config, traffic, refusals, times, log } = options;
  const redis = connectRedis(options.place);
  const queuePlace = { redis, prefix: config.queuePrefix };
  releasers.push(async () => redis.disconnect());
  const silence = createSilence({ traffic, heard: createHeard(queuePlace), times });
  const refusalsKept = createRefusalsKept(queuePlace, refusals.list);
  // After a restart one asks for the last of them.
  releasers.push(() => within(REDIS_STOP_MS, refusalsKept.look()));
  const queueWatch = createQueueWatch({
    place: queuePlace,
    names: [config.queue, ...config.queues.map((fanOut) => fanOut.queue), ACKNOWLEDGEMENTS_QUEUE],
    everyMs: QUEUES_SEEN_EVERY_MS,
  });
  const ackWaitsMs = retrySchedule(config.ackRetrySeconds);
  const publisher = createPublisher({ redis, settings: config, ackWaitsMs, onError: (cause) => log.redisError(cause) });
  releasers.push(() => within(REDIS_STOP_MS, publisher.close()));
  const trace = createTraceWriter({ place: queuePlace, hours: config.traceHours, maxBytes: config.traceMaxBytes });
  releasers.push(() => within(REDIS_STOP_MS, trace.flush()));
  const replays = openReplays(queuePlace);
  return { queuePlace, silence, refusalsKept, queueWatch, replays, ackWaitsMs, publisher, trace };
}
