/** What the watch knows of the Redis behind its connection, and how soon. */
import { expect, test } from "vitest";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { watchRedis } from "../../src/queue/redis-watch.ts";
import { startProxy } from "../support/proxy.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();

test("what Redis says of itself is read again each second on the same connection, also while what is done then takes longer", async () => {
  let version = "5.0.9";
  const proxy = await startProxy(own.server.port, (text) =>
    text.replace(/(redis_version:)[\d.]+/, (all) => `redis_version:${version}`.padEnd(all.length)),
  );
  const redis = connectRedis(redisAt(`redis://127.0.0.1:${proxy.port}`));
  const heard: string[] = [];
  let ticks = 0;
  let end = (): void => {};
  const watch = watchRedis({
    place: { redis, prefix: own.prefix },
    refuseEviction: true,
    onAway: (reason) => heard.push(`away: ${reason}`),
    onBack: (server) => heard.push(`back: ${server.version}`),
    onSuitability: (reasons) => heard.push(reasons.join() || "suitable"),
    onEmptied: () => heard.push("emptied"),
    // As it is with a disk that hangs.
    onTick: () =>
      new Promise((resolve) => {
        ticks += 1;
        end = resolve;
      }),
    onError: (cause) => heard.push(cause.message),
  });
  try {
    await eventually(
      () => watch.state().unsuitable,
      ([reason = ""]) => reason.includes("too old"),
    );
    version = "7.0.9";
    await eventually(
      () => watch.state().unsuitable,
      (reasons) => reasons.length === 0,
      10_000,
    );
    expect(watch.refusal()).toBe(null);
    await own.redis.config("SET", "maxmemory-policy", "allkeys-lru");
    await eventually(watch.refusal, (refusal) => refusal !== null, 10_000);
    await own.redis.config("SET", "maxmemory-policy", "noeviction");
    await eventually(watch.refusal, (refusal) => refusal === null, 10_000);
    expect(heard).toEqual([
      "back: 5.0.9",
      expect.stringContaining("too old"),
      "suitable",
      expect.stringContaining("maxmemory-policy"),
      "suitable",
    ]);
    // One at a time, and the next one when it has ended.
    expect(ticks).toBe(1);
    end();
    await eventually(
      () => ticks,
      (count) => count === 2,
    );
  } finally {
    const stopped = watch.stop();
    end();
    await stopped;
    redis.disconnect();
    await proxy.stop();
  }
});
