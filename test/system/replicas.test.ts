/** Two replicas behind HAProxy on one Redis: what was answered 250 is queued once, whichever of them dies or is stopped. */
import { Queue } from "bullmq";
import { afterAll, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startHaproxy, type TestHaproxy } from "../support/haproxy.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll, type Message } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const QUEUE = "mm4-delivery-events";
/** Only from here may reports come. HAProxy itself is at 127.0.0.1: without its PROXY header all are refused. */
const RELAY = "127.0.0.2";
/** For how long /readyz says 503 before the door is closed. */
const AS_THE_SAMPLE_SAYS_MS = 3_000;

interface Stage {
  readonly redis: TestRedis;
  readonly a: TestService;
  readonly b: TestService;
  readonly haproxy: TestHaproxy;
}

const stopping: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stopping.reverse()) await stop();
});

async function setUp(delayMs: number): Promise<Stage> {
  const redis = await startRedis();
  stopping.push(redis.stop);
  const settings = {
    REDIS_URL: redis.url,
    MM4D_PEERS: `carrier=${RELAY}`,
    MM4D_PROXIES: "127.0.0.1",
    MM4D_SHUTDOWN_DELAY_MS: String(delayMs),
  };
  const [a, b] = await Promise.all([startServiceProcess(settings), startServiceProcess(settings)]);
  stopping.push(a.stop, b.stop);
  const haproxy = await startHaproxy(a, b);
  stopping.push(haproxy.stop);
  return { redis, a, b, haproxy };
}

/** Sent again, a report has another transaction id, and is the same event. */
function* reports(count: number): Generator<readonly [string, Message]> {
  for (let index = 0; index < count; index++) {
    const id = `mm-${index}@mmsc.example.net`;
    yield [id, (attempt) => report(id, `"tx-${index}-${attempt}"`)];
  }
}

function report(id: string, transactionId = `"tx-${id}"`): Uint8Array {
  return deliveryReport({ "X-Mms-Message-ID": id, "X-Mms-Transaction-ID": transactionId });
}

/** Every event on the queue, one a job. Nothing is consumed here. */
async function queued({ redis }: Stage): Promise<readonly DeliveryEvent[]> {
  const queue = new Queue(QUEUE, { connection: { url: redis.url } });
  const jobs = await queue.getJobs(["waiting"]);
  await queue.close();
  return jobs.map(({ data }) => data as DeliveryEvent);
}

async function counted({ a }: Stage): Promise<number> {
  const { stdout } = await runCommandWithin(["stats", "--json"], a.env);
  const { rows } = JSON.parse(stdout) as { rows: readonly { reports: number }[] };
  return rows.reduce((sum, { reports }) => sum + reports, 0);
}

const told = (service: TestService, event: string) => service.log().filter((line) => line.event === event);

test.concurrent("a replica is killed: the relay goes on through the other one, and each report is one job and is counted", async () => {
  const stage = await setUp(0);
  const { redis, a, b, haproxy } = stage;
  const REPORTS = 3_000;
  const accepted = new Set<string>();
  const delivering = deliverAll({
    port: haproxy.port,
    from: RELAY,
    connections: 20,
    messages: reports(REPORTS),
    perSecond: 600,
    repliesLost: 0.05,
    onAccepted: (_, id) => accepted.add(id),
  });
  delivering.catch(() => {}); // It is told below.
  await eventually(
    () => accepted.size,
    (size) => size > REPORTS / 3,
  );
  // It dies with reports in its journal that are nowhere else: more than may be on their way to Redis.
  redis.signal("SIGSTOP");
  await a.metric("mm4d_journal_records", (waiting) => waiting > 100);
  const addedByDead = await a.metric("mm4d_published_total");
  a.signal("SIGKILL");
  await a.exited();
  redis.signal("SIGCONT");
  expect(addedByDead).toBeGreaterThan(100);

  const { retries } = await delivering;
  expect(accepted.size).toBe(REPORTS);
  // The sessions of the dead one broke; no more than these were noticed.
  expect(retries).toBeGreaterThan(0);
  expect(retries).toBeLessThanOrEqual(20);
  expect((await haproxy.server("a")).status).toBe("DOWN");
  await b.metric("mm4d_journal_records", (waiting) => waiting === 0);
  expect((await queued(stage)).length).toBeLessThan(REPORTS);

  await a.restart();
  await a.metric("mm4d_journal_records", (waiting) => waiting === 0);
  expect(told(a, "service.started").at(-1)?.recovered).toBeGreaterThan(0);
  const events = await queued(stage);
  expect(events.map(({ subject }) => subject).sort()).toEqual([...accepted].sort());
  expect(new Set(events.map(({ id }) => id)).size).toBe(REPORTS);
  expect(new Set(events.map(({ data }) => `${data.peer.name} ${data.peer.address}`))).toEqual(
    new Set([`carrier ${RELAY}`]),
  );
  // Sent again after a lost 250, a report also came to the other replica.
  const ofB = new Set(told(b, "report.published").map(({ jobId }) => jobId));
  expect(told(b, "report.duplicate").filter(({ firstJobId }) => !ofB.has(firstJobId)).length).toBeGreaterThan(0);

  expect(await counted(stage)).toBe(REPORTS);
});

test.concurrent("a replica is stopped and started: HAProxy sends it nobody meanwhile, and no client is refused", async () => {
  const stage = await setUp(AS_THE_SAMPLE_SAYS_MS);
  const { a, haproxy } = stage;
  const replies = new Map<string, number>();
  let over = false;
  let visits = 0;
  /** A connection for each report, for as long as it goes on. */
  async function relay(): Promise<void> {
    while (!over) {
      visits += 1;
      const id = `visit-${visits}`;
      const reply = await openSession(haproxy.port, { from: RELAY })
        .then((client) => client.deliver(report(id)).finally(client.end))
        .catch((cause: Error) => cause.message);
      replies.set(reply, (replies.get(reply) ?? 0) + 1);
    }
  }
  const visiting = Promise.all(Array.from({ length: 4 }, relay));
  await a.metric("mm4d_published_total", (count) => count > 50);

  a.signal("SIGTERM");
  await eventually(
    () => haproxy.server("a"),
    ({ status }) => status === "DOWN",
  );
  expect((await haproxy.server("a")).check_code).toBe("503");
  // It still takes connections, and is sent none.
  const { stot } = await haproxy.server("a");
  expect(await a.exited()).toBe(0);
  expect((await haproxy.server("a")).stot).toBe(stot);

  await a.restart();
  await a.metric("mm4d_published_total", (count) => count > 50);
  over = true;
  await visiting;
  expect([...replies]).toEqual([["250 2.0.0 Report stored", visits]]);
  for (const name of ["a", "b"] as const) {
    expect(await haproxy.server(name)).toMatchObject({ econ: "0", eresp: "0", wretr: "0", wredis: "0" });
  }

  // A 250 says that a report is in the journal: the last ones may be on their way to Redis.
  for (const replica of [a, stage.b]) await replica.metric("mm4d_journal_records", (waiting) => waiting === 0);
  const events = await queued(stage);
  expect(new Set(events.map(({ id }) => id)).size).toBe(visits);
  expect(events).toHaveLength(visits);
  expect(await counted(stage)).toBe(visits);
});
