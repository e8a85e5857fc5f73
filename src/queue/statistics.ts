/**
 * How many reports there were, by minute, hour and day, in Redis. An event is
 * counted in the same step that puts it on the queue (add-jobs.ts), in the minute
 * in which its report came. So it counts once, whatever dies meanwhile and however
 * often it is published again. All processes count into one sum.
 */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Kind, Tally } from "../delivery/tally.ts";
import type { Disposition, Outcome } from "../delivery/verdict.ts";
import { countedCode } from "../text/codes.ts";
import type { QueuePlace } from "./queue-place.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export type Resolution = "minute" | "hour" | "day";

/** How long each bucket lasts, how long it is kept, and how much of its ISO time is its name. */
const RESOLUTIONS = {
  minute: { ms: MINUTE_MS, keptMs: 25 * HOUR_MS, nameLength: "2026-01-01T00:00".length },
  hour: { ms: HOUR_MS, keptMs: 15 * DAY_MS, nameLength: "2026-01-01T00".length },
  day: { ms: DAY_MS, keptMs: 400 * DAY_MS, nameLength: "2026-01-01".length },
} as const satisfies Record<Resolution, { ms: number; keptMs: number; nameLength: number }>;

const FINEST_FIRST = ["minute", "hour", "day"] as const;

/** The most kinds of report in one bucket; further kinds are counted without their code. */
const MAX_SERIES = 500;

/** Where an event is counted: in which minute, and as which kind of report. */
export interface Count {
  /** The beginning of the minute, in milliseconds since 1970. */
  readonly minuteMs: number;
  readonly kind: string;
}

export function countOf(event: DeliveryEvent): Count {
  const receivedMs = Date.parse(event.time);
  return { minuteMs: receivedMs - (receivedMs % MINUTE_MS), kind: kindOf(event) };
}

/** The finest resolution in which a time that far back is still kept. */
export function resolutionSince(since: Date, now: Date): Resolution {
  const agoMs = now.getTime() - since.getTime();
  return FINEST_FIRST.find((name) => agoMs <= RESOLUTIONS[name].keptMs - RESOLUTIONS[name].ms) ?? "day";
}

/** When the bucket of a time begins. */
export function bucketOf(time: Date, resolution: Resolution): Date {
  const ms = time.getTime();
  return new Date(ms - (ms % RESOLUTIONS[resolution].ms));
}

/** Reads every count from the bucket of `since` to that of `until`, oldest first. Rejects when Redis does not answer. */
export async function readStatistics(
  { redis, prefix }: QueuePlace,
  { since, until, resolution }: { readonly since: Date; readonly until: Date; readonly resolution: Resolution },
): Promise<readonly Tally[]> {
  const { ms } = RESOLUTIONS[resolution];
  const buckets: number[] = [];
  for (let from = bucketOf(since, resolution).getTime(); from <= until.getTime(); from += ms) buckets.push(from);
  const tallies: Tally[] = [];
  // A few at a time, so that other commands get their turn.
  for (let first = 0; first < buckets.length; first += BUCKETS_AT_A_TIME) {
    const some = buckets.slice(first, first + BUCKETS_AT_A_TIME);
    const pipeline = redis.pipeline();
    for (const from of some) pipeline.hgetall(keyAt(prefix, resolution, from));
    for (const [index, [cause, fields]] of ((await pipeline.exec()) ?? []).entries()) {
      if (cause) throw cause;
      const from = new Date(some[index] ?? 0);
      for (const [kind, reports] of Object.entries(fields as Record<string, string>)) {
        tallies.push({ from, ...readKind(kind), reports: Number(reports) });
      }
    }
  }
  return tallies;
}

const BUCKETS_AT_A_TIME = 24;

/** The kind of a report. No part of it has a blank, because of a peer's values it takes only numbers. */
function kindOf({ type, data }: DeliveryEvent): string {
  const { peer, outcome, disposition, reason } = data;
  const code = countedCode(reason);
  const begin = type.indexOf(".") + 1;
  return `${peer.name} ${type.slice(begin, type.indexOf(".", begin))} ${outcome} ${disposition} ${code}`;
}

function readKind(kind: string): Kind {
  const [peer = "", type = "", outcome = "unknown", disposition = "unknown", code = ""] = kind.split(" ");
  return { peer, type, outcome: outcome as Outcome, disposition: disposition as Disposition, code };
}

function keyAt(prefix: string, resolution: Resolution, atMs: number): string {
  const name = new Date(atMs).toISOString().slice(0, RESOLUTIONS[resolution].nameLength);
  return `${statisticsKey(prefix)}:${resolution}:${name}`;
}

/** What the names of their keys begin with. */
export function statisticsKey(prefix: string): string {
  return `${prefix}:mm4d-statistics`;
}

/** The buckets of a minute, for {@link COUNT}: of each the key, and when it is removed, in seconds since 1970. */
export function bucketsOf(minuteMs: number, prefix: string): readonly (readonly [key: string, removedAt: number])[] {
  return FINEST_FIRST.map((name) => {
    const { ms, keptMs } = RESOLUTIONS[name];
    return [keyAt(prefix, name, minuteMs), (minuteMs - (minuteMs % ms) + keptMs) / 1000];
  });
}

/** A function of Lua that adds to a kind in each of these {@link bucketsOf | buckets}. */
export const COUNT = `
local function count(buckets, kind, reports)
  for _, bucket in ipairs(buckets) do
    local key, countedAs = bucket[1], kind
    local kinds = redis.call('HLEN', key)
    if kinds >= ${MAX_SERIES} and redis.call('HEXISTS', key, kind) == 0 then
      countedAs = string.gsub(kind, '%S+$', 'other')
    end
    redis.call('HINCRBY', key, countedAs, reports)
    if kinds == 0 then redis.call('EXPIREAT', key, bucket[2]) end
  end
end
`;
