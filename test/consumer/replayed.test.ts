/** What docs/consumers.md says of replays: which memory of ids skips a replayed event, and what the order guard makes of it. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { once, redisOnce } from "../../src/consumer/once.ts";
import { shouldApply } from "../../src/consumer/should-apply.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { replayedEvent } from "../../src/replay/replayed-event.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { archivedReport } from "../support/replays.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { valid } from "../support/schema.ts";

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const THEN = eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }));

function replayed(today: DeliveryEvent = THEN): DeliveryEvent {
  const { became } = archivedReport("x");
  const event = replayedEvent({
    ...archivedReport("x"),
    event: today,
    became: became && { ...became, eventId: THEN.id },
  });
  if (typeof event === "string") throw new Error(event);
  return event;
}

test("a replayed event is one by the schema, and differs by `replayed` alone where it is read the same", () => {
  const event = replayed();
  valid(event);
  expect(event).toEqual({ ...THEN, data: { ...THEN.data, replayed: true } });
});

test("the memory that handled it skips it, one of the replay's own handles it, once", async () => {
  const handled: (true | undefined)[] = [];
  const handle = ({ data }: DeliveryEvent): void => void handled.push(data.replayed);
  const ordinary = once(handle, redisOnce(redis));
  const repairing = once(handle, redisOnce(redis, { prefix: "mm4d-once:fix-4711:" }));
  await ordinary(THEN);
  await ordinary(replayed());
  expect(handled).toEqual([undefined]);
  await repairing(replayed());
  await repairing(replayed());
  expect(handled).toEqual([undefined, true]);
});

test("read the same it is not applied, read as more it is, read as less it is not", () => {
  expect(shouldApply(THEN, replayed())).toBe(false);
  const readAs = (rank: number): DeliveryEvent => replayed({ ...THEN, data: { ...THEN.data, rank } });
  expect(shouldApply(THEN, readAs(THEN.data.rank + 10))).toBe(true);
  expect(shouldApply(THEN, readAs(THEN.data.rank - 10))).toBe(false);
  expect(shouldApply(null, replayed())).toBe(true);
});
