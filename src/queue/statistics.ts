/**
 * How many reports there were, by minute, hour and day: counted in the process,
 * added up in Redis. What several processes count there is one sum, and it
 * outlives each of them.
 *
 * A killed process loses what it has not yet added: 5 s at most while Redis is
 * there. What was under way when Redis did not answer in time is added again.
 */
import type { Redis } from "ioredis";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Kind, Tally } from "../delivery/tally.ts";
import type { Disposition, Outcome } from "../delivery/verdict.ts";

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

/** Most kinds of report that one bucket tells apart; of further ones not the code. */
const MAX_SERIES = 500;
/** While Redis is away minutes are kept apart for three hours, then hours. */
const MAX_MINUTES_WAITING = 180;

export interface Statistics {
  /** Counts an event that was put on the queue, in the minute in which its report came. */
  count(event: DeliveryEvent): void;
  /** Adds what was counted to Redis. Rejects when it does not take it; then it is added next time. */
  flush(): Promise<void>;
}

export function createStatistics(redis: Redis, prefix: string): Statistics {
  /** By minute and kind. */
  const waiting = new Map<number, Map<string, number>>();

  function add(fromMs: number, kind: string, reports: number): void {
    const counts = waiting.get(fromMs) ?? new Map<string, number>();
    waiting.set(fromMs, counts);
    counts.set(kind, (counts.get(kind) ?? 0) + reports);
  }

  return {
    count(event) {
      const receivedMs = Date.parse(event.time);
      const minuteMs = receivedMs - (receivedMs % MINUTE_MS);
      const apart = waiting.has(minuteMs) || waiting.size < MAX_MINUTES_WAITING;
      add(apart ? minuteMs : receivedMs - (receivedMs % HOUR_MS), kindOf(event), 1);
    },

    async flush() {
      for (const [fromMs, counts] of waiting) {
        waiting.delete(fromMs);
        try {
          await redis.eval(ADD, FINEST_FIRST.length, ...keysAt(prefix, fromMs), ...addition(fromMs, counts));
        } catch (cause) {
          for (const [kind, reports] of counts) add(fromMs, kind, reports);
          throw cause;
        }
      }
    },
  };
}

/** The resolution in which a time that far back is still known. */
export function resolutionSince(since: Date, now: Date): Resolution {
  const agoMs = now.getTime() - since.getTime();
  return FINEST_FIRST.find((name) => agoMs <= RESOLUTIONS[name].keptMs - RESOLUTIONS[name].ms) ?? "day";
}

/** When the bucket begins in which a time falls. */
export function bucketOf(time: Date, resolution: Resolution): Date {
  const ms = time.getTime();
  return new Date(ms - (ms % RESOLUTIONS[resolution].ms));
}

/** Every count from the bucket of `since` to that of `until`, oldest first. Rejects when Redis does not answer. */
export async function readStatistics(
  redis: Redis,
  prefix: string,
  { since, until, resolution }: { readonly since: Date; readonly until: Date; readonly resolution: Resolution },
): Promise<readonly Tally[]> {
  const { ms } = RESOLUTIONS[resolution];
  const buckets: number[] = [];
  for (let from = bucketOf(since, resolution).getTime(); from <= until.getTime(); from += ms) buckets.push(from);
  const tallies: Tally[] = [];
  // Some at a time, so that others get their turn.
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

/** No part of it has a blank: of what a peer sends only what the catalogue lists. */
function kindOf({ type, data }: DeliveryEvent): string {
  const { peer, outcome, disposition, reason } = data;
  const code = reason === null ? "none" : reason.known ? String(reason.code) : "other";
  return [peer.name, type.split(".")[1], outcome, disposition, code].join(" ");
}

function readKind(kind: string): Kind {
  const [peer = "", type = "", outcome = "unknown", disposition = "unknown", code = ""] = kind.split(" ");
  return { peer, type, outcome: outcome as Outcome, disposition: disposition as Disposition, code };
}

function keyAt(prefix: string, resolution: Resolution, atMs: number): string {
  const name = new Date(atMs).toISOString().slice(0, RESOLUTIONS[resolution].nameLength);
  return `${prefix}:mm4d-statistics:${resolution}:${name}`;
}

function keysAt(prefix: string, fromMs: number): readonly string[] {
  return FINEST_FIRST.map((resolution) => keyAt(prefix, resolution, fromMs));
}

function addition(fromMs: number, counts: ReadonlyMap<string, number>): readonly (string | number)[] {
  const expiries = FINEST_FIRST.map((name) => {
    const { ms, keptMs } = RESOLUTIONS[name];
    return (fromMs - (fromMs % ms) + keptMs) / 1000;
  });
  return [MAX_SERIES, ...expiries, ...[...counts].flat()];
}

/** Adds counts to each of the buckets. ARGV: most series, when each bucket expires, then kind and count in turn. */
const ADD = `
local most = tonumber(ARGV[1])
for bucket, key in ipairs(KEYS) do
  for at = #KEYS + 2, #ARGV, 2 do
    local kind = ARGV[at]
    if redis.call('HLEN', key) >= most and redis.call('HEXISTS', key, kind) == 0 then
      kind = string.gsub(kind, '%S+$', 'other')
    end
    redis.call('HINCRBY', key, kind, ARGV[at + 1])
  end
  redis.call('EXPIREAT', key, ARGV[bucket + 1])
end
`;
