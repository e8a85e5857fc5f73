/** What ioredis makes of a failover that it hears of while it is asking who the master is. */
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { startProxy } from "../support/proxy.ts";
import { eventually } from "../support/redis.ts";
import { startSentinels } from "../support/sentinels.ts";

test("told of the new master while a sentinel is being asked, the connection goes there", {
  timeout: 60_000,
}, async () => {
  const sentinels = await startSentinels();
  // Its answers take their time, so that it is being asked when the news comes.
  const slow = await startProxy(sentinels.options.sentinels[0]?.port ?? 0, async (text) => {
    if (!text.includes("switch-master")) await wait(1_200);
    return text;
  });
  const redis = connectRedis({
    ...redisAt("redis://"),
    redisSentinels: [{ host: "127.0.0.1", port: slow.port }],
    redisMaster: sentinels.options.name,
  });
  redis.on("error", () => {});
  try {
    await eventually(
      () => redis.status,
      (status) => status === "ready",
    );
    // It listens for the news, which takes an answer too.
    await wait(2_000);
    await sentinels.master.kill();
    const found = await eventually(
      () => redis.role().catch(() => [redis.status]),
      ([role]) => role === "master" || role === "end",
    );
    expect(found).toContain("master");
  } finally {
    redis.disconnect();
    await slow.stop();
    await sentinels.stop();
  }
});
