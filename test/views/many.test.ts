/** Lists in a large trace: `npm run test:long` takes a million reports. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";

import { networkOf } from "../../src/smtp/access.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import { startViews } from "../../src/views/start-views.ts";
import type { Place, Views } from "../../src/views/views.ts";
import { reported } from "../support/notes.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { VIEWS_THREAD } from "../support/service.ts";

const REPORTS = Number(process.env.REPORTS ?? 20_000);
/** Among other tests a machine is busy with them. */
const MOST_MS = process.env.REPORTS === undefined ? 10_000 : 1_000;
/** Figures are wanted of many only. */
const say = (text: string): void => {
  if (process.env.REPORTS !== undefined) console.log(text);
};
/** The reports come from so many messages' beginnings, because reading each would take longer than the test. */
const KINDS = 200;
const PREFIX = "bull";

let server: TestRedis;
let views: Views;

beforeAll(async () => {
  server = await startRedis();
  const redis = connectRedis(redisAt(server.url));
  const trace = createTraceWriter({ place: { redis, prefix: PREFIX }, hours: 72, maxBytes: 2 ** 30 });
  const kinds = Array.from({ length: KINDS }, (_, kind) =>
    reported({ "X-Mms-MM-Status-Code": kind % 2 === 0 ? "Retrieved" : "Rejected" }, "kind"),
  );
  for (let count = 0; count < REPORTS; count += 1) {
    const kind = kinds[count % KINDS];
    if (!kind) throw new Error("no kind");
    const messageId = `mm-${count}`;
    const at = new Date(Date.UTC(2026, 0, 2) + count).toISOString();
    const fate = { ...kind.fate, at };
    trace.write({ ...kind, at, fate, id: `j${count}`, ids: { ...kind.ids, eventId: `r${count}`, messageId } });
    if (count % 200 === 199) await trace.flush();
  }
  await trace.flush();
  const bytes = /used_memory:(\d+)/.exec(await redis.info("memory"))?.[1];
  say(`${REPORTS} reports traced, Redis ${Math.round(Number(bytes) / 2 ** 20)} MB`);
  redis.disconnect();
}, 1_800_000);
afterAll(async () => {
  await views?.close();
  await server.stop();
});

/** In milliseconds. */
async function timed<T>(what: string, work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const startedMs = performance.now();
  const value = await work();
  const ms = performance.now() - startedMs;
  say(`${what}: ${Math.round(ms)} ms`);
  return { ms, value };
}

test("the first page comes within a second, with the start of the thread; further ones and what is sought too", async () => {
  const redis = redisAt(server.url);
  views = startViews({
    thread: VIEWS_THREAD,
    redis,
    prefix: PREFIX,
    queues: ["mm4-delivery-events"],
    networkOf,
    onFault() {},
  });
  const first = await timed("first page, with the start of the thread", () => views.reports(EVERY_REPORT, null));
  expect(first.value.rows.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, at) => `j${REPORTS - 1 - at}`));
  expect(first.ms).toBeLessThan(MOST_MS);
  // Their jobs are asked for too, whether there are any or not.
  expect(first.value.jobs.size).toBe(50);
  let older: Place | null = first.value.older;
  for (let page = 2; page <= 5; page += 1) {
    const { ms, value } = await timed(`page ${page}`, () => views.reports(EVERY_REPORT, older));
    expect([value.rows.length, value.rows[0]?.id]).toEqual([50, `j${REPORTS - 1 - 50 * (page - 1)}`]);
    expect(ms).toBeLessThan(MOST_MS);
    older = value.older;
  }
  for (const count of [0, Math.floor(REPORTS / 2), REPORTS - 1]) {
    const { ms, value } = await timed(`sought by id, report ${count}`, () =>
      views.reports({ ...EVERY_REPORT, q: `mm-${count}` }, null),
    );
    expect(value.rows.map(({ id }) => id)).toEqual([`j${count}`]);
    expect(ms).toBeLessThan(MOST_MS);
  }
});

test("what fits nothing is looked through by pages, each of them bounded", async () => {
  const { ms, value } = await timed("a page of a code that never came", () =>
    views.reports({ ...EVERY_REPORT, code: 999 }, null),
  );
  say(`looked through ${value.lookedThrough}`);
  expect(value.rows).toEqual([]);
  expect(value.lookedThrough).toBeGreaterThan(process.env.REPORTS === undefined ? KINDS - 1 : 5_000);
  expect(ms).toBeLessThan(2 * MOST_MS);
});
