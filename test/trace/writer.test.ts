import { expect, test } from "vitest";
import { findTrace } from "../../src/trace/find.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { KIM, later, readingBy, reported } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();

const writer = (maxBytes = 256 * 2 ** 20) => createTraceWriter({ place: own, hours: 72, maxBytes });
const find = (wanted: string) => findTrace(own, "queue", wanted, readingBy());

test("no number stands in the name of a key or a field", async () => {
  const trace = writer();
  trace.write(reported({ ...KIM, "X-Mms-Message-ID": "kim-2" }, "j1"));
  await trace.flush();
  const keys = await own.redis.keys(`${own.prefix}:*`);
  const indexes = keys.filter((key) => /:i..$/.test(key));
  expect(indexes.length).toBeGreaterThan(0);
  const entries = await Promise.all(indexes.map((key) => own.redis.get(key)));
  expect(JSON.stringify([keys, entries])).not.toMatch(/202|0155|kim/);
});

test("it takes no more than it may; the oldest is forgotten first", async () => {
  const most = 2 ** 19;
  const trace = writer(most);
  const used = async () => Number(/used_memory:(\d+)/.exec(await own.redis.info("memory"))?.[1]);
  const before = await used();
  for (let index = 0; index < 10_000; index++) {
    trace.write(reported({ "X-Mms-Message-ID": `mm-${index}`, "X-Mms-Transaction-ID": `tx-${index}` }, `j${index}`));
    if (index % 50 === 49) await trace.flush();
  }
  expect(trace.lost()).toBe(0);
  expect((await used()) - before).toBeLessThan(1.5 * most);
  expect((await find("mm-0")).reports).toEqual([]);
  expect((await find("mm-9999")).reports.length).toBe(1);
  const { generation, oldest } = await own.redis.hgetall(`${own.prefix}:mm4d-trace3`);
  expect(Number(generation) - Number(oldest)).toBeLessThan(16);
  const generations = new Set(
    (await own.redis.keys(`${own.prefix}:mm4d-trace3:*`)).map((key) => Number(key.split(":")[2])),
  );
  expect(Math.min(...generations)).toBe(Number(oldest));
  for (const key of await own.redis.keys(`${own.prefix}:mm4d-trace3:*`))
    expect(await own.redis.ttl(key)).toBeGreaterThan(72 * 3600);
});

test("what Redis does not take is counted as lost, and later notes are kept", async () => {
  const trace = writer();
  await own.redis.ping();
  await own.server.kill();
  const any = reported({}, "j1");
  for (let index = 0; index < 30_000; index++) {
    const messageId = `away-${index}`;
    trace.write({ ...any, at: later(), ids: { ...any.ids, eventId: `r${index}`, messageId } });
  }
  await expect(trace.flush()).rejects.toThrow();
  const lost = trace.lost();
  expect(lost).toBeGreaterThan(1_000);
  expect(lost).toBeLessThan(29_000);
  await own.server.start();
  await own.redis.ping().catch(() => {});
  await expect.poll(() => own.redis.status).toBe("ready");
  await trace.flush();
  trace.write(reported({ "X-Mms-Message-ID": "back" }, "j1"));
  await trace.flush();
  for (const name of ["back", "away-29999", `away-${lost}`]) expect((await find(name)).reports.length).toBe(1);
  expect((await find(`away-${lost - 1}`)).reports).toEqual([]);
});

test("nothing is written when nothing is noted, or nothing is to be", async () => {
  await writer().flush();
  const off = createTraceWriter({ place: own, hours: 0, maxBytes: 2 ** 20 });
  off.write(reported({}, "j1"));
  await off.flush();
  expect(await own.redis.keys(`${own.prefix}:*`)).toEqual([]);
});
