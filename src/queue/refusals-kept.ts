/**
 * Refusals of the last 24 hours in Redis: of every process and replica, and also of before a restart, which is when
 * one asks for them most. A hash for each hour, which Redis removes by itself.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Refusal } from "../monitoring/refusals.ts";
import { inRounds } from "../rounds.ts";
import type { QueuePlace } from "./queue-place.ts";

/** So long they are kept. */
export const REFUSALS_KEPT_MS = 86_400_000;

export interface RefusalsKept {
  /** Writes what is new in this process. Rejects when Redis does not take it; then the next look writes it. */
  look(): Promise<void>;
  /** The latest last. Rejects when Redis does not answer. */
  list(): Promise<readonly Refusal[]>;
}

const HOUR_MS = 3_600_000;
const HOURS = REFUSALS_KEPT_MS / HOUR_MS;
/** Fields of the hash for each address and reason. */
const FIELDS = 3;

/** `list` gives the refusals of this process since its start. */
export function createRefusalsKept({ redis, prefix }: QueuePlace, list: () => readonly Refusal[]): RefusalsKept {
  /** How many of each have been written. */
  const written = new Map<string, number>();
  const known = createHoursKnown();

  async function write(): Promise<void> {
    const now = list();
    const news = now.flatMap((refusal) => {
      const before = written.get(nameOfRefusal(refusal)) ?? 0;
      // One that was forgotten here meanwhile counts from 1 again.
      const count = refusal.count < before ? refusal.count : refusal.count - before;
      // Of those that are counted on, only the last time is known.
      const firstAt = count === refusal.count ? refusal.firstAt : refusal.lastAt;
      return count === 0 ? [] : [{ refusal, count, firstAt }];
    });
    for (const [hour, some] of byHour(news)) {
      await writeHour(keyOf(prefix, hour), hour, some);
      // At once, because Redis may not take the next hour.
      for (const { refusal } of some) written.set(nameOfRefusal(refusal), refusal.count);
    }
    const names = new Set(now.map(nameOfRefusal));
    for (const name of written.keys()) if (!names.has(name)) written.delete(name);
  }

  /** Beyond the bound of an hour only those that it has already are counted on. */
  async function writeHour(key: string, hour: number, news: readonly News[]): Promise<void> {
    const names = news.map(({ refusal }) => nameOfRefusal(refusal));
    const [had, length] = [await redis.hmget(key, ...names.map(countIn)), await redis.hlen(key)];
    let room = BOUNDS.refusalsKept.value - length / FIELDS;
    const pipeline = redis.pipeline();
    for (const [index, { refusal, count, firstAt }] of news.entries()) {
      const name = names[index] ?? "";
      if (had[index] == null && room-- <= 0) continue;
      const { peer, helo, detail, lastAt } = refusal;
      pipeline.hincrby(key, countIn(name), count);
      pipeline.hsetnx(key, firstIn(name), firstAt);
      pipeline.hset(key, lastIn(name), JSON.stringify({ peer, helo, detail, lastAt }));
    }
    pipeline.expireat(key, (hour + (HOURS + 1) * HOUR_MS) / 1000);
    for (const [cause] of (await pipeline.exec()) ?? []) if (cause) throw cause;
  }

  /** The oldest hour first. */
  async function readHours(now: number): Promise<readonly (readonly Refusal[])[]> {
    const hours = Array.from({ length: HOURS + 1 }, (_, place) => hourOf(now - (HOURS - place) * HOUR_MS));
    const wanted = hours.filter((hour) => !known.has(hour));
    const pipeline = redis.pipeline();
    for (const hour of wanted) pipeline.hgetall(keyOf(prefix, hour));
    for (const [place, [cause, fields]] of ((await pipeline.exec()) ?? []).entries()) {
      if (cause) throw cause;
      known.add(wanted[place] ?? 0, refusalsIn(fields as Record<string, string>));
    }
    return hours.map(known.of);
  }

  const look = inRounds(write);

  return {
    look,
    async list() {
      await look();
      const now = Date.now();
      const since = new Date(now - REFUSALS_KEPT_MS).toISOString();
      const all = new Map<string, Refusal>();
      for (const refusal of (await readHours(now)).flat()) {
        const before = all.get(nameOfRefusal(refusal));
        const count = refusal.count + (before?.count ?? 0);
        const firstAt = before?.firstAt ?? refusal.firstAt;
        if (refusal.lastAt >= since) all.set(nameOfRefusal(refusal), { ...refusal, count, firstAt });
      }
      return [...all.values()].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    },
  };
}

/**
 * An hour that is over hardly changes: only by what Redis did not take in it. So it is read once a minute, because the
 * page asks each second or two, and there are thousands where many strangers knock.
 */
function createHoursKnown() {
  const hours = new Map<number, { readonly readMs: number; readonly refusals: readonly Refusal[] }>();
  return {
    has(hour: number): boolean {
      const isOver = Date.now() - hour >= 2 * HOUR_MS;
      return isOver && performance.now() - (hours.get(hour)?.readMs ?? Number.NEGATIVE_INFINITY) < READ_AGAIN_MS;
    },
    add(hour: number, refusals: readonly Refusal[]): void {
      hours.set(hour, { readMs: performance.now(), refusals });
      for (const old of hours.keys()) if (Date.now() - old > REFUSALS_KEPT_MS + HOUR_MS) hours.delete(old);
    },
    of: (hour: number): readonly Refusal[] => hours.get(hour)?.refusals ?? [],
  };
}

const READ_AGAIN_MS = 60_000;

interface News {
  readonly refusal: Refusal;
  readonly count: number;
  readonly firstAt: string;
}

function byHour(news: readonly News[]): ReadonlyMap<number, readonly News[]> {
  const hours = new Map<number, News[]>();
  for (const one of news) {
    const hour = hourOf(Date.parse(one.refusal.lastAt));
    const some = hours.get(hour);
    if (some === undefined) hours.set(hour, [one]);
    else some.push(one);
  }
  return hours;
}

function hourOf(ms: number): number {
  return ms - (ms % HOUR_MS);
}

function keyOf(prefix: string, hour: number): string {
  return `${prefix}:mm4d-refusals:${new Date(hour).toISOString().slice(0, "2026-01-01T00".length)}`;
}

/** By which refusals are told apart. Neither an address nor a reason has a blank. */
export function nameOfRefusal({ address, reason }: Pick<Refusal, "address" | "reason">): string {
  return `${address} ${reason}`;
}

/** Those of one moment are in the same order each time, so that a list does not jump. */
function orderOf(refusal: Refusal): string {
  return `${refusal.lastAt} ${nameOfRefusal(refusal)}`;
}

function countIn(name: string): string {
  return `${name} count`;
}

function firstIn(name: string): string {
  return `${name} first`;
}

function lastIn(name: string): string {
  return `${name} last`;
}

type Last = Pick<Refusal, "peer" | "helo" | "detail" | "lastAt">;

function refusalsIn(fields: Readonly<Record<string, string>>): readonly Refusal[] {
  return Object.entries(fields).flatMap(([field, count]) => {
    const [address = "", reason = "", what] = field.split(" ");
    const name = nameOfRefusal({ address, reason });
    const [first, last] = [fields[firstIn(name)], fields[lastIn(name)]];
    if (what !== "count" || first === undefined || last === undefined) return [];
    return [{ ...(JSON.parse(last) as Last), address, reason, count: Number(count), firstAt: first }];
  });
}
