/** `mm4d/consumer` against a real Redis, with events as the service publishes them. */

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { expect, test, vi } from "vitest";
import {
  type ConsumeOptions,
  consume,
  type DeliveryEvent,
  GiveUp,
  RetryLater,
  redisOnce,
} from "../../src/consumer/index.ts";
import { retrySchedule } from "../../src/queue/owed-jobs.ts";
import { createPublisher, newRecordId } from "../../src/queue/publisher.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { startProxy } from "../support/proxy.ts";
import { publishOne } from "../support/publishing.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf, type FieldsOf } from "../support/report.ts";
import { startSentinels } from "../support/sentinels.ts";

/** `npm run test:long` takes 50,000. */
const EVENTS = Number(process.env.REPORTS ?? 1_000);
const own = useRedis();

async function publish(events: readonly DeliveryEvent[], settings: Readonly<Record<string, string>> = {}) {
  const loaded = loadConfig({ MM4D_QUEUE_PREFIX: own.prefix, MM4D_JOB_BACKOFF_MS: "100", ...settings });
  if (!loaded.ok) throw new Error(loaded.error.join());
  await eventually(
    () => own.redis.status,
    (status) => status === "ready",
  );
  const publisher = createPublisher({
    redis: own.redis,
    settings: loaded.value.config,
    ackWaitsMs: retrySchedule(10),
    onError: () => {},
  });
  for (let from = 0; from < events.length; from += 200) {
    const some = events.slice(from, from + 200);
    await Promise.all(some.map((event) => publishOne(publisher, { id: newRecordId(), kind: "event", event })));
  }
  await publisher.close();
}
let made = 0;
const event = (fields: FieldsOf = {}) => eventOf(deliveryReport({ "X-Mms-Message-ID": `mm-${made++}`, ...fields }));
const withQueue = async <T>(use: (queue: Queue) => Promise<T>): Promise<T> => {
  const queue = new Queue("mm4-delivery-events", { connection: { url: own.server.url }, prefix: own.prefix });
  try {
    return await use(queue);
  } finally {
    await queue.close();
  }
};
const counts = () => withQueue((queue) => queue.getJobCounts("waiting", "active", "delayed", "failed", "completed"));
const connection = () => ({ url: own.server.url });

test("each event is given to the handler, by a URL, by options and by an instance; filters leave out the others", async () => {
  const rejected = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };
  await publish([event(), event({ "X-Mms-MM-Status-Code": "Deferred" }), event(rejected), event(rejected)]);
  const seen: string[] = [];
  const first = await consume(({ data }) => void seen.push(data.outcome), {
    connection: connection(),
    prefix: own.prefix,
    finalOnly: true,
    outcomes: ["rejected", "deferred"],
    tags: ["spam"],
  });
  await eventually(counts, ({ completed }) => completed === 4);
  await first.stop();
  expect(seen).toEqual(["rejected", "rejected"]);

  const { hostname, port } = new URL(own.server.url);
  const instance = new Redis(own.server.url, { maxRetriesPerRequest: null });
  for (const given of [{ host: hostname, port: Number(port) }, instance]) {
    await publish([event()]);
    const again: string[] = [];
    const consuming = await consume(({ id }) => void again.push(id), { connection: given, prefix: own.prefix });
    await eventually(
      () => again.length,
      (length) => length === 1,
    );
    await consuming.stop();
    await consuming.stop();
  }
  instance.disconnect();
  await expect(consume(() => {}, { prefix: own.prefix })).rejects.toThrow(
    "no connection is given, must be one, or set REDIS_URL",
  );
});

test("the master is found by its sentinels", async () => {
  const sentinels = await startSentinels();
  const seen: string[] = [];
  const consuming = await consume(({ id }) => void seen.push(id), {
    connection: sentinels.options,
    prefix: own.prefix,
  });
  const queue = new Queue("mm4-delivery-events", { connection: { url: sentinels.master.url }, prefix: own.prefix });
  const sent = event();
  await queue.add(sent.type, sent);
  await eventually(
    () => seen,
    ([id]) => id === sent.id,
  );
  await queue.close();
  await consuming.stop();
  await sentinels.stop();
});

test("what a handler throws is tried again, later, or never, as it says", async () => {
  const events = [
    event({ "X-Mms-Message-ID": "again" }),
    event({ "X-Mms-Message-ID": "later" }),
    event({ "X-Mms-Message-ID": "never" }),
  ];
  await publish(events, { MM4D_JOB_ATTEMPTS: "3" });
  const tries: string[] = [];
  const failed: (readonly [string | null | undefined, string, boolean])[] = [];
  const consuming = await consume(
    ({ data }) => {
      const id = data.messageId ?? "";
      tries.push(id);
      const times = tries.filter((tried) => tried === id).length;
      if (id === "never") throw new GiveUp("no such customer");
      if (id === "later" && times < 5) throw new RetryLater(50);
      if (id === "again" && times < 3) throw new Error("database away");
    },
    {
      connection: connection(),
      prefix: own.prefix,
      onFailed: (told, cause, last) => failed.push([told?.data.messageId, cause.message, last]),
    },
  );
  await eventually(counts, ({ completed, failed: gone }) => completed === 2 && gone === 1);
  await consuming.stop();
  const times = (id: string) => tries.filter((tried) => tried === id).length;
  expect([times("again"), times("later"), times("never")]).toEqual([3, 5, 1]);
  expect(failed.sort()).toEqual([
    ["again", "database away", false],
    ["again", "database away", false],
    ["never", "no such customer", true],
  ]);
});

test("a handler that throws is told of on stderr, but not each time, and whoever listens is told instead", async () => {
  const said: string[] = [];
  const spied = vi.spyOn(console, "error").mockImplementation((line) => void said.push(String(line)));
  const unhandled: unknown[] = [];
  const note = (cause: unknown) => unhandled.push(cause);
  process.on("unhandledRejection", note);
  try {
    const consumeAll = async (options: ConsumeOptions, failing: (event: DeliveryEvent) => void) => {
      await publish(
        Array.from({ length: 10 }, () => event()),
        { MM4D_JOB_ATTEMPTS: "3", MM4D_JOB_BACKOFF_MS: "0" },
      );
      const before = (await counts()).failed ?? 0;
      const consuming = await consume(failing, { connection: connection(), prefix: own.prefix, ...options });
      await eventually(counts, ({ failed }) => failed === before + 10);
      await consuming.stop();
      return said.splice(0);
    };
    const refuse = ({ id }: DeliveryEvent) => {
      throw new Error(`database away for +12025550100 (${id})`);
    };
    const [first, rest, ...more] = await consumeAll({}, refuse);
    expect(first).toMatch(
      /^mm4d\/consumer: an event failed once: database away for \+\*{7}0100 \(r.*; it is tried again$/,
    );
    expect(rest).toMatch(/an event failed 29 times: .*; last event r[0-9a-f]{32}; 19 to be tried again, 10 given up/);
    expect(more).toEqual([]);
    expect(await consumeAll({ onFailed: false }, refuse)).toEqual([]);
    const heard: Error[] = [];
    const onFailed = async () => {
      throw new Error("the listener's own");
    };
    expect(await consumeAll({ onFailed, onError: (cause) => heard.push(cause) }, refuse)).toEqual([]);
    expect(heard.length).toBe(30);
    const thrown = await consumeAll({}, () => {
      throw "no error at all";
    });
    expect(thrown[0]).toContain("an event failed once: no error at all; event r");
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
    spied.mockRestore();
  }
});

test("what is of another version, or no event, waits in the failed set", async () => {
  await withQueue(async (queue) => {
    const known = event();
    for (const data of [
      { ...known, type: "mm4d.delivery-report.v2" },
      { ...known, specversion: "2.0" },
      { hello: 1 },
      null,
    ]) {
      await queue.add("x", data, { attempts: 10 });
    }
  });
  const seen: unknown[] = [];
  const consuming = await consume((given) => void seen.push(given), { connection: connection(), prefix: own.prefix });
  await eventually(counts, ({ failed }) => failed === 4);
  await consuming.stop();
  expect(seen).toEqual([]);
  const reasons = await withQueue(async (queue) => (await queue.getFailed()).map((job) => job.failedReason));
  expect(reasons).toEqual(
    expect.arrayContaining([
      expect.stringContaining(
        'Cannot handle "mm4d.delivery-report.v2": this mm4d/consumer knows version 1, must be upgraded',
      ),
    ]),
  );
});

test("no event comes before consume() has resolved, so that a handler may stop what it is called by", async () => {
  await publish([event()]);
  // A worker takes jobs by its first connection, and is ready when its second is, which is late here.
  const given = new Redis(own.server.url, { maxRetriesPerRequest: null });
  const slow = await startProxy(Number(new URL(own.server.url).port), async (text) => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return text;
  });
  given.duplicate = (override) => new Redis(slow.port, { ...override, maxRetriesPerRequest: null });
  const seen: boolean[] = [];
  let resolved = false;
  const consuming = await consume(() => void seen.push(resolved), { connection: given, prefix: own.prefix });
  resolved = true;
  await eventually(counts, ({ completed }) => completed === 1);
  await consuming.stop();
  expect(seen).toEqual([true]);
  given.disconnect();
  await slow.stop();
});

test("stop() waits for what is in hand, not longer than it may, and also while Redis is away", async () => {
  await publish([event(), event(), event()]);
  let begun = 0;
  let ended = 0;
  const slow = async () => {
    begun += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
    ended += 1;
  };
  const consuming = await consume(slow, { connection: connection(), prefix: own.prefix, concurrency: 2 });
  await eventually(
    () => begun,
    (count) => count === 2,
  );
  await consuming.stop();
  expect([begun, ended]).toEqual([2, 2]);
  expect(await counts()).toMatchObject({ completed: 2, waiting: 1 });

  const stuck = await consume(() => new Promise<void>(() => {}), {
    connection: connection(),
    prefix: own.prefix,
    graceMs: 200,
  });
  await eventually(counts, ({ active }) => active === 1);
  await stuck.stop();

  // An outage is a line when it begins, and one when it is over.
  const said: string[] = [];
  const spied = vi.spyOn(console, "error").mockImplementation((line) => void said.push(String(line)));
  const idle = await consume(() => {}, { connection: connection(), prefix: own.prefix });
  await own.server.kill();
  await eventually(
    () => said.length,
    (count) => count > 0,
  );
  await own.server.start();
  await eventually(
    () => said.length,
    (count) => count > 1,
  );
  expect(said).toEqual([
    expect.stringMatching(/^mm4d\/consumer: Redis is away: /),
    expect.stringMatching(/^mm4d\/consumer: Redis is back, after \d+ s$/),
  ]);
  spied.mockRestore();
  await own.server.kill();
  await idle.stop();
  await own.server.start();
});

test("redisOnce() applies an id once, whoever holds it, and again when that failed", async () => {
  await eventually(
    () => own.redis.status,
    (status) => status === "ready",
  );
  const store = redisOnce(own.redis, { prefix: `${own.prefix}:once:`, leaseMs: 300 });
  let applied = 0;
  const apply = async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    applied += 1;
  };
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => store("id", apply)));
  expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
  for (const outcome of outcomes) if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(RetryLater);
  expect([await store("id", apply), applied]).toEqual([false, 1]);
  await expect(store("other", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect([await store("other", apply), applied]).toEqual([true, 2]);
  // Its holder died: the lease ends.
  await own.redis.set(`${own.prefix}:once:dead`, "1 x", "PX", 300);
  await expect(store("dead", apply)).rejects.toBeInstanceOf(RetryLater);
  await eventually(
    () => store("dead", apply).catch(() => false),
    (ran) => ran,
  );
  expect(applied).toBe(3);
  expect(await own.redis.pttl(`${own.prefix}:once:id`)).toBeGreaterThan(71 * 3_600_000);
});

test("handlers that throw, dawdle and are killed, and a Redis that is restarted: each event is applied once", {
  timeout: 900_000,
}, async () => {
  const events = Array.from({ length: EVENTS }, () => event());
  await publish(events, { MM4D_JOB_ATTEMPTS: "1000", MM4D_COMPLETED_KEEP_COUNT: "0" });
  const script = fileURLToPath(new URL("worker.mjs", import.meta.url));
  let kills = 0;
  let stopping = false;
  const start = () => fork(script, [own.server.url, own.prefix], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const workers = [start(), start()];
  const killing = (async () => {
    while (!stopping) {
      await new Promise((resolve) => setTimeout(resolve, 1_000 + Math.random() * 1_000));
      const index = kills % workers.length;
      workers[index]?.kill("SIGKILL");
      workers[index] = start();
      kills += 1;
    }
  })();
  const applied = async () => Number(await own.redis.hlen(`${own.prefix}:applied`).catch(() => -1));
  await eventually(applied, (count) => count > EVENTS / 3, 300_000);
  await own.server.kill();
  await own.server.start();
  await eventually(applied, (count) => count === EVENTS, 600_000);
  stopping = true;
  await killing;
  await eventually(
    counts,
    ({ waiting, active, delayed }) => (waiting ?? 0) + (active ?? 0) + (delayed ?? 0) === 0,
    120_000,
  );
  for (const worker of workers) worker.kill("SIGKILL");
  const times = await own.redis.hgetall(`${own.prefix}:applied`);
  expect(Object.keys(times).sort()).toEqual(events.map(({ id }) => id).sort());
  expect(Object.values(times).filter((count) => count !== "1")).toEqual([]);
  expect(kills).toBeGreaterThan(0);
  expect(Number(await own.redis.get(`${own.prefix}:thrown`))).toBeGreaterThan(0);
});
