/** Many reports over many connections: in equals out, no id twice, whatever happens meanwhile. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll, type Ledger } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";

const REPORTS = Number(process.env.REPORTS ?? 4_000);
const CONNECTIONS = 50;

let redis: TestRedis;
let service: TestService;
let consumer: TestConsumer;

beforeEach(async () => {
  redis = await startRedis(["--appendfsync", "always"]);
  service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_LOG_LEVEL: "warn" });
  consumer = startConsumer(redis.url);
});
afterEach(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
});

function reports(): Map<string, Uint8Array> {
  return new Map(
    Array.from({ length: REPORTS }, (_, index) => {
      const id = `mm-${index}@mmsc.example.net`;
      return [
        id,
        deliveryReport({ "X-Mms-Message-ID": id, "X-Internal-Status-Code": index % 3 === 0 ? "470" : undefined }),
      ];
    }),
  );
}

async function expectInEqualsOut({ accepted }: Ledger): Promise<void> {
  await eventually(
    () => new Set(consumer.events.map(({ id }) => id)).size,
    (size) => size >= accepted.size,
  );
  await eventually(
    async () => (await service.get("/healthz")).status,
    (status) => status === 200,
  );
  const arrived = consumer.events.map(({ subject }) => subject ?? "");
  expect(accepted.size).toBe(REPORTS);
  expect(arrived.length).toBe(REPORTS);
  expect(new Set(arrived)).toEqual(accepted);
  expect(new Set(consumer.events.map(({ id }) => id)).size).toBe(REPORTS);
}

test(`${REPORTS} reports from ${CONNECTIONS} connections: in = out, no id twice`, async () => {
  const ledger = await deliverAll({ port: service.smtpPort, connections: CONNECTIONS, messages: reports() });
  expect(ledger.retries).toBe(0);
  await expectInEqualsOut(ledger);
});

test("the same with Redis gone for three seconds: no relay sees a difference", async () => {
  let outage: Promise<void> | undefined;
  const away = async (): Promise<void> => {
    await redis.kill();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await redis.start();
  };
  const ledger = await deliverAll({
    port: service.smtpPort,
    connections: CONNECTIONS,
    messages: reports(),
    onAccepted(count) {
      if (count >= REPORTS / 10) outage ??= away();
    },
  });
  expect(ledger.retries).toBe(0);
  await outage;
  await expectInEqualsOut(ledger);
  const about = (event: string) => service.log().filter((line) => line.event === event).length;
  expect([about("redis.unreachable"), about("drain.failed")]).toEqual([1, 1]);
});

test("the same with the service killed once: what was answered 250 is there, what was not is sent again", async () => {
  let killed: Promise<void> | undefined;
  const ledger = await deliverAll({
    port: service.smtpPort,
    connections: CONNECTIONS,
    messages: reports(),
    onAccepted(count) {
      if (count < REPORTS / 3) return;
      killed ??= (async () => {
        service.signal("SIGKILL");
        await service.exited();
        await service.restart();
      })();
    },
  });
  await killed;
  expect(ledger.retries).toBeGreaterThan(0);
  await expectInEqualsOut(ledger);
});
