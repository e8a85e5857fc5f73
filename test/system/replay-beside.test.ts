/** `mm4d replay` beside a running service. */
import { expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { deliverReports } from "../support/deliver.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { startServiceWithin } from "../support/service.ts";

test("what was consumed comes once more, and log, trace and page tell of it", async () => {
  const redis = await startRedis();
  const service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_PEERS: "carrier=127.0.0.0/8" });
  const consumer = startConsumer(redis.url);
  try {
    await deliverReports(service.smtpPort, { "X-Mms-Message-ID": '"once-1"' }, { "X-Mms-Message-ID": '"once-2"' });
    await eventually(
      () => consumer.events.length,
      (count) => count === 2,
    );
    // It is written down within some seconds, so that it is told from what still waits.
    await eventually(
      async () => (await runCommandWithin(["replay", "--since", "1h", "--dry-run"], service.env)).stdout,
      (told) => told.startsWith("2 events would be published"),
    );
    const counted = await service.metric("mm4d_reports_total");
    const run = await runCommandWithin(["replay", "--since", "1h", "--name", "again"], service.env);
    expect([run.code, run.stdout]).toEqual([0, expect.stringContaining("2 events published")]);
    await eventually(
      () => consumer.events.length,
      (count) => count === 4,
    );
    const [first, second] = [consumer.events.slice(0, 2), consumer.events.slice(2)];
    const byId = (events: readonly DeliveryEvent[]) => [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
    expect(byId(second).map(({ data: { replayed, ...data }, ...event }) => ({ ...event, data, replayed }))).toEqual(
      byId(first).map(({ data, ...event }) => ({ ...event, data, replayed: true })),
    );
    const line = (action: string) => service.log().filter(({ event }) => event === `replay.${action}`);
    await eventually(
      () => line("ended").length,
      (count) => count === 1,
    );
    expect(line("begun")).toEqual([
      expect.objectContaining({ name: "again", queue: "mm4-delivery-events", rate: 100, run: 1, filter: {} }),
    ]);
    expect(line("ended")).toEqual([expect.objectContaining({ name: "again", how: "done", published: 2 })]);
    expect(await service.metric("mm4d_reports_total")).toBe(counted);
    const { stdout } = await runCommandWithin(["stats"], service.env);
    expect(stdout).toMatch(/^2 reports/);

    const id = first[0]?.id ?? "";
    const trace = (await runCommandWithin(["trace", id], service.env)).stdout.replace(/\n {4}/g, " ");
    expect(trace).toMatch(
      /published again as \w+, \w+, to the queue mm4-delivery-events as job replay-again-[0-9a-f]{6}-r[0-9a-f]{32}: replay again by \S+@\S+/,
    );
    expect((await service.get(`/reports/${id}`)).text).toContain("replay again by");
    const page = (await service.get("/queue")).text.replace(/\s+/g, " ");
    expect(page).toMatch(
      /<strong>again<\/strong>.*<td data-label="Published" class="number">2<\/td> <td data-label="State">done /,
    );
  } finally {
    await consumer.stop();
    await service.stop();
    await redis.stop();
  }
});
