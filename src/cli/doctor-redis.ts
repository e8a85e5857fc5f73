/** What `mm4d doctor` finds of Redis: whether it is fit for the queues, and lets our user do all that is needed. */
import type { ServiceFacts } from "../process/control.ts";
import { type CheckUp, checkUp } from "../queue/check-up.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import { describeRedis, redisOf } from "../queue/redis.ts";
import { type RedisServer, unsuitable } from "../queue/redis-server.ts";
import type { Config } from "../settings/config.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { megabytes } from "../text/quantities.ts";
import { traceKey } from "../trace/blocks.ts";
import type { Found } from "./find-service.ts";
import { type Finding, type Findings, fault, inWords, ok, warning } from "./finding.ts";

const MEMORY_WARNED = 0.8;
const MEMORY_FAULT = 0.95;
const CLOCK_WARNED_MS = 2_000;
/** The bytes of a remembered id in Redis; see docs/capacity.md, what grows. */
const ID_BYTES = 200;

/** The Redis of the settings if they name one. The service may use another. */
export function compareRedis(config: Config, found: Found): Findings {
  const own = redisOf(config);
  if (own === undefined || found.kind === "none") return [];
  const [ours, theirs] = [describeRedis(own), describeRedis(found.facts.redis)];
  if (ours === theirs) return [];
  const text = `the settings name ${ours}, and the mm4d at ${found.dataDir} uses ${theirs}: what follows is of the first. Unset REDIS_URL to look at the other, or name another service with --data-dir`;
  return [warning("Redis", text)];
}

/** Looks at the Redis of the settings, else of the running service. Writes keys that expire, or that it removes. */
export async function lookAtRedis(config: Config, running: ServiceFacts | undefined): Promise<Findings> {
  const about = "Redis";
  const place = redisOf(config) ?? running?.redis;
  if (!place) return [ok(about, "none is set; mm4d starts one of its own")];
  try {
    const { queuePrefix: prefix, queues: further } = config;
    const queues = [config.queue, ...further.map(({ queue }) => queue), QUARANTINE_QUEUE, ACKNOWLEDGEMENTS_QUEUE];
    const beside = [{ name: "trace", key: traceKey(prefix) }];
    const found = await withQueuePlace({ redis: place, prefix }, (opened) => checkUp(opened, queues, beside));
    return describeCheckUp(found, config, describeRedis(place));
  } catch (cause) {
    const text = `${inWords(cause)}. See to ${describeRedis(place)}, REDIS_URL and the network`;
    return [fault(about, text)];
  }
}

function describeCheckUp(found: CheckUp, config: Config, where: string): Findings {
  const { server, keys, clockApartMs, wroteInMs } = found;
  const about = "Redis";
  const answers = `at ${where}, answers in ${found.answeredInMs} ms`;
  if (server.ok && server.value.cluster) {
    // All further answers would be of one node of the cluster only.
    return [ok(about, `${server.value.version} ${answers}`), ...unfitFor(server.value, config)];
  }
  const { dedupeHours } = config;
  return [
    ...(server.ok
      ? [ok(about, `${server.value.version} ${answers}`), ...unfitFor(server.value, config), ...memoryOf(server.value)]
      : [
          fault(
            about,
            `${answers}, and what it is cannot be told: ${server.why}. The service asks for INFO each second, and puts nothing on a queue without it`,
          ),
        ]),
    keys.ok
      ? ok(
          "duplicate window",
          `${dedupeHours} h; at most ${keys.value} ids are remembered, about ${megabytes(keys.value * ID_BYTES)}`,
        )
      : warning("duplicate window", `${dedupeHours} h; how many ids are remembered cannot be told: ${keys.why}`),
    clockOf(clockApartMs),
    wroteInMs.ok
      ? ok("write to Redis", `taken in ${wroteInMs.value} ms`)
      : fault("write to Redis", `refused: ${wroteInMs.why}. Nothing can be put on the queues`),
    ...storesOf(found),
  ];
}

/** A risk that was accepted in the settings raises no alarm. */
function unfitFor(server: RedisServer, { redisChecks }: Config): Findings {
  const about = "Redis";
  const unfit = unsuitable(server);
  if (unfit.length === 0) return [ok(about, "evicts nothing, and keeps its jobs on its disk")];
  const accepted = redisChecks === "warn" && !server.cluster;
  return unfit.map((text) =>
    accepted ? warning(about, `${text}. MM4D_REDIS_CHECKS=warn accepts that`) : fault(about, text),
  );
}

function memoryOf({ memoryRatio }: RedisServer): Findings {
  const about = "Redis memory";
  const percent = `${Math.round((memoryRatio ?? 0) * 100)} % of its maxmemory is used`;
  if (memoryRatio === null) return [ok(about, "without a limit of its own")];
  if (memoryRatio < MEMORY_WARNED) return [ok(about, percent)];
  const text = `${percent}: when it is full, it takes no more events. Raise maxmemory, shorten MM4D_DEDUPE_HOURS, or see whether events are consumed`;
  return [memoryRatio < MEMORY_FAULT ? warning(about, text) : fault(about, text)];
}

function clockOf(apartMs: CheckUp["clockApartMs"]): Finding {
  const about = "clock";
  if (!apartMs.ok) return warning(about, `how far it is from Redis's cannot be told: ${apartMs.why}`);
  if (apartMs.value < CLOCK_WARNED_MS) return ok(about, `${apartMs.value} ms from Redis's`);
  const seconds = Math.round(apartMs.value / 1000);
  return warning(
    about,
    `${seconds} s from Redis's, by which delays and the duplicate window are counted. Set both by NTP`,
  );
}

function storesOf({ stores }: CheckUp): Findings {
  const about = "rights in Redis";
  const refused = stores.filter(({ why }) => why !== null);
  if (refused.length === 0) return [ok(about, `enough for ${stores.map(({ name }) => name).join(", ")}`)];
  return refused.map(({ name, needed, why }) => (needed ? fault : warning)(about, `${name}: ${why}`));
}
