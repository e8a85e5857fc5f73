/** Keeps an event that is given out twice from being applied twice. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { type Handler, RetryLater } from "./consume.ts";

/**
 * Runs `apply` unless the event of this id was applied before; says whether it
 * ran. When `apply` rejects, so does it, and the id counts as not applied.
 *
 * With a database do both in one transaction, which `apply` is handed as `tx`,
 * so that a crash between them undoes both: insert the id into a table where it
 * is unique, and apply.
 */
export type Once<Tx = void> = (id: string, apply: (tx: Tx) => Promise<void>) => Promise<boolean>;

/** A handler that is given each event id once, for as long as `store` remembers; and the store's transaction, if it has any. */
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
  /** The longest that a handler may take, in milliseconds: then another may begin. Default: 60,000. */
  readonly leaseMs?: number;
}

/**
 * Remembers ids in Redis, for handlers whose effects lie where no transaction
 * reaches. A process that dies after the effect and before the id is remembered
 * leaves an event that is applied again: nothing can help that but a transaction.
 */
export function redisOnce(redis: OnceRedis, options: RedisOnceOptions = {}): Once {
  const { prefix = "mm4d-once:", hours = 72, leaseMs = 60_000 } = options;
  return async (id, apply) => {
    const key = `${prefix}${id}`;
    const claim = `${process.pid} ${Math.random().toString(36).slice(2)}`;
    if ((await redis.call("SET", key, claim, "PX", leaseMs, "NX")) === null) {
      if ((await redis.call("GET", key)) === DONE) return false;
      // Another worker has it in hand, or died with it: when the lease is over we know.
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
