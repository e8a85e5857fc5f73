/** The page when the thread that finds what it shows cannot live. */
import { expect, test } from "vitest";
import { eventually, startRedis } from "../support/redis.ts";
import { startServiceWithin } from "../support/service.ts";

test("a thread that cannot live makes a page say so, and one line of the log a minute", async () => {
  const redis = await startRedis();
  const service = await startServiceWithin(
    { REDIS_URL: redis.url },
    { viewsThread: new URL("gone.js", import.meta.url) },
  );
  try {
    await eventually(
      () => service.get("/reports"),
      ({ text }) => !text.includes("it has not answered yet"),
    );
    for (const path of ["/reports", "/reports?code=470", "/reports?q=mm-1"]) {
      const { status, text } = await service.get(path);
      expect([status, text]).toEqual([503, expect.stringMatching(/No reports can be listed: Cannot find module/)]);
    }
    const told = service.log().filter(({ event }) => event === "views.failed");
    expect(told).toEqual([
      expect.objectContaining({ level: "warn", effect: expect.stringMatching(/^none for reports/) }),
    ]);
  } finally {
    await service.stop();
    await redis.stop();
  }
});
