/** Every code of the table in, the right event out, over TCP and a real Redis. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { BANDWIDTH_CODES } from "../../src/catalogue/bandwidth.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

let redis: TestRedis;
let service: ServiceUnderTest;
let consumer: TestConsumer;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_DOMAIN: "mms.example.net" });
  consumer = startConsumer(redis.url);
});
afterAll(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
});

test("all 63 codes, in delivery reports and in forward responses, become the events they should", async () => {
  const client = await openSession(service.smtpPort);
  for (const { code } of BANDWIDTH_CODES) {
    const fields = { "X-Mms-MM-Status-Code": undefined, "X-Internal-Status-Code": String(code) };
    expect(await client.deliver(deliveryReport({ ...fields, "X-Mms-Message-ID": `report-${code}` }))).toBe(
      "250 2.0.0 Report stored",
    );
    const response = { ...fields, "X-Mms-Message-Type": "MM4_Forward.RES", "X-Mms-Request-Status-Code": "Ok" };
    expect(await client.deliver(deliveryReport({ ...response, "X-Mms-Message-ID": `response-${code}` }))).toBe(
      "250 2.0.0 Report stored",
    );
  }
  client.end();
  await eventually(
    () => consumer.events.length,
    (length) => length >= 2 * BANDWIDTH_CODES.length,
  );

  expect(consumer.events.length).toBe(2 * BANDWIDTH_CODES.length);
  for (const { code, name, fault, reportedBy } of BANDWIDTH_CODES) {
    const { outcome, retryable, suppress, tag, rejectedBy } = createCatalogue().findCode(code);
    for (const [kind, type] of [
      ["report", "mm4d.delivery-report.v1"],
      ["response", "mm4d.forward-response.v1"],
    ]) {
      const found = consumer.events.filter(({ subject }) => subject === `${kind}-${code}`);
      expect(found.length).toBe(1);
      expect(found[0]).toMatchObject({ specversion: "1.0", type, source: "/mm4d/mms.example.net" });
      expect(found[0]?.data).toMatchObject({
        outcome,
        rejectedBy,
        peer: { name: "loopback", address: "127.0.0.1", helo: "mmsc.example.net" },
      });
      expect(found[0]?.data.reason).toMatchObject({
        code,
        name,
        fault,
        reportedBy,
        retryable,
        suppress,
        tag,
        known: true,
      });
      expect(found[0]?.data.conflict).toBe(kind === "response" && found[0]?.data.disposition === "failure");
    }
  }
  expect(new Set(consumer.events.map(({ id }) => id)).size).toBe(consumer.events.length);
});
