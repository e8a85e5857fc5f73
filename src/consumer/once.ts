/** Keeps an event that comes twice from being applied twice. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { type Handler, RetryLater } from "./consume.ts";

/**
 * Runs `apply` unless the event of this id was applied before; says whether it
 * ran. When `apply` rejects, so does it, and the id counts as not applied.
 *
 * With a database, insert the id into a table where it is unique and call `apply` in
 * the same transaction, handed over as `tx`. Then a crash between them undoes both.
 */
export type Once<Tx = void> = (id: string, apply: (tx: Tx) => Promise<void>) => Promise<boolean>;

/** Makes a handler that gets each event id once, as long as `store` remembers it; and the store's transaction, if any. */
export function once<Tx = void>(
  handler: (event: DeliveryEvent, tx: Tx) => Promise<void> | void,
  store: Once<Tx>,
): Handler {
  return async (event) => {
    await store(event.id, async (tx) => {
      await handler(event, tx);
    });
  };
}

/** What {@link redisOnce} needs of an ioredis instance. */
export interface OnceRedis {
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
}

export interface RedisOnceOptions {
  /** Before each id. Default: `mm4d-once:`. */
  readonly prefix?: string;
  /** How long an id is remembered, in hours. Default: 72. */
  readonly hours?: number;
  /** How long a handler may take, in milliseconds. After that another worker may begin. Default: 60,000. */
  readonly leaseMs?: number;
}

/**
 * Remembers ids in Redis, for handlers whose effect cannot be part of a transaction.
 * When a process dies after the effect and before the id is remembered, the event is
 * applied again. Only a transaction can prevent that.
 */
export function redisOnce(redis: OnceRedis, options: RedisOnceOptions = {}): Once {
  const { prefix = "mm4d-once:", hours = 72, leaseMs = 60_000 } = options;
  return async (id, apply) => {
    const key = `${prefix}${id}`;
    const claim = `${process.pid} ${Math.random().toString(36).slice(2)}`;
    if ((await redis.call("SET", key, claim, "PX", leaseMs, "NX")) === null) {
      if ((await redis.call("GET", key)) === DONE) return false;
      // Another worker is handling it, or has died: the end of the lease will tell.
      throw new RetryLater(CLAIM_LOOKED_AT_EVERY_MS, `Event ${id} is in another worker's hands`);
    }
    try {
      await apply();
    } catch (cause) {
      await redis.call("EVAL", RELEASE, 1, key, claim);
      throw cause;
    }
    await redis.call("SET", key, DONE, "PX", hours * HOUR_MS);
    return true;
  };
}

const DONE = "done";
const HOUR_MS = 3_600_000;
const CLAIM_LOOKED_AT_EVERY_MS = 1_000;
const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end";
