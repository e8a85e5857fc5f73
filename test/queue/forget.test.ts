/** What `mm4d forget` does to Redis: what is done with goes, what is to be done stays, ids stay remembered. */
import { Queue, Worker } from "bullmq";
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { forgetInStream, forgetJobs } from "../../src/queue/forget.ts";
import { forgetInTrace } from "../../src/trace/forget.ts";
import { idsOf } from "../../src/trace/note.ts";
import { createTraceWriter, findTrace } from "../../src/trace/writer.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf, type FieldsOf } from "../support/report.ts";

const own = useRedis();
const concerns = (text: string): boolean => text.includes("12025550155");

test("jobs that are done with go, with what consumers said; others stay, and every id stays remembered", async () => {
  const { redis, prefix } = own;
  const connection = { url: own.server.url, maxRetriesPerRequest: null };
  const queue = new Queue("owed", { connection, prefix });
  const add = (name: string, to: string, delay = 0) =>
    queue.add(name, { to }, { jobId: name, delay, deduplication: { id: `d-${name}`, ttl: 60_000 } });
  await add("sent", "12025550155");
  await add("refused", "12025550155");
  await add("refused-other", "12025550156");
  const worker = new Worker(
    "owed",
    async ({ name, data }) => {
      if (name.startsWith("refused")) throw new Error(`No such number: ${data.to}`);
      return data.to;
    },
    { connection, prefix },
  );
  await eventually(
    () => queue.getJobCounts("completed", "failed"),
    ({ completed, failed }) => completed === 1 && failed === 2,
  );
  await worker.close();
  await add("later", "12025550155", 60_000);
  await add("waits", "12025550155");

  const options = {
    ...{ redis, prefix, queue: "owed", keepIds: true, done: ["completed", "failed"] as const },
    concerns: ({ data, further }: { data: string; further: string }) => concerns(data) || concerns(further),
  };
  const forgotten = { removed: { completed: 1, failed: 1 }, left: { wait: 1, delayed: 1 } };
  expect(await forgetJobs({ ...options, dryRun: true })).toEqual(forgotten);
  expect((await queue.getJob("sent"))?.id).toBe("sent");
  expect(await forgetJobs({ ...options, dryRun: false })).toEqual(forgotten);
  expect(await forgetJobs({ ...options, dryRun: false })).toEqual({ removed: {}, left: forgotten.left });
  expect((await queue.getFailed()).map(({ id }) => id)).toEqual(["refused-other"]);
  for (const name of ["sent", "refused", "refused-other", "later", "waits"]) {
    const again = await queue.add("again", { to: "x" }, { deduplication: { id: `d-${name}`, ttl: 60_000 } });
    expect([name, again.id]).toEqual([name, name]);
  }

  const stream = `${prefix}:owed:events`;
  const before = await redis.xrange(stream, "-", "+");
  const told = before.filter(([, fields]) => concerns(fields.join("\n")));
  expect(told.length).toBeGreaterThan(0);
  expect(await forgetInStream(redis, prefix, "owed", concerns, true)).toBe(told.length);
  expect(await redis.xlen(stream)).toBe(before.length);
  expect(await forgetInStream(redis, prefix, "owed", concerns, false)).toBe(told.length);
  expect(await redis.xrange(stream, "-", "+")).toEqual(before.filter(([, fields]) => !concerns(fields.join("\n"))));
  expect((await redis.dumpBuffer(stream)).includes("12025550155")).toBe(false);
  const next = (await redis.xadd(stream, "*", "event", "next")) ?? "";
  expect(next > (before.at(-1)?.[0] ?? "")).toBe(true);
  await queue.close();
});

test("the trace forgets the notes of a number, those of their events, and their names in the index", async () => {
  const { redis, prefix } = own;
  const writer = createTraceWriter({ redis, prefix, hours: 72, maxBytes: 256 * 2 ** 20 });
  const at = new Date(0).toISOString();
  const queued = (fields: FieldsOf) => {
    const event = eventOf(deliveryReport(fields));
    return { kind: "queued", at, recordId: "j1", duplicateOf: null, ids: idsOf(event), event } as const;
  };
  const kim = queued({ From: "+12025550155/TYPE=PLMN", "X-Mms-Message-ID": "kim", "X-Mms-Transaction-ID": "tx-kim" });
  const other = queued({
    From: "+12025550156/TYPE=PLMN",
    "X-Mms-Message-ID": "kim",
    "X-Mms-Transaction-ID": "tx-other",
  });
  const ids = { eventId: kim.ids.eventId, messageId: "kim", transactionId: "tx-kim", numbers: [] };
  const sent = { kind: "acknowledgement", at, id: "a1", result: "sent", detail: "250 ok", ids } as const;
  for (const note of [kim, other]) writer.note(note);
  await writer.flush();
  // In a block of its own, without the number.
  writer.note(sent);
  await writer.flush();
  const find = async (wanted: string) => (await findTrace(redis, prefix, "q", wanted)).reports.length;
  // Each finds what was said of the same message too.
  expect([await find("12025550155"), await find("kim"), await find("tx-kim")]).toEqual([2, 2, 2]);
  const indexOf = async () => {
    const keys = (await redis.keys(`${prefix}:mm4d-trace2:*:i*`)).sort();
    return Promise.all(keys.map(async (key) => (await redis.getBuffer(key))?.toString("hex") ?? ""));
  };
  const before = await indexOf();

  expect(await forgetInTrace(redis, prefix, concerns, new Set(), true)).toBe(2);
  expect(await indexOf()).toEqual(before);
  // Whenever it is stopped, another run does the rest. Of two blocks one goes, and the other is written anew.
  for (const command of ["eval", "unlink", "set"]) {
    const stopped = stoppedAt(redis, command);
    await expect(forgetInTrace(stopped, prefix, concerns, new Set(), false)).rejects.toThrow(`stopped at ${command}`);
  }
  expect(await find("12025550155")).toBe(0);
  expect(await forgetInTrace(redis, prefix, concerns, new Set(), false)).toBe(1);
  expect(await forgetInTrace(redis, prefix, concerns, new Set(), false)).toBe(0);
  expect([await find("12025550155"), await find("tx-kim")]).toEqual([0, 0]);
  expect([await find("12025550156"), await find("kim"), await find("tx-other")]).toEqual([1, 1, 1]);
  // Of the first block: the number, tx-kim and the event; of the second tx-kim, the event and kim. No length changes.
  const after = await indexOf();
  expect(after.map(({ length }) => length)).toEqual(before.map(({ length }) => length));
  expect(after.join("").split("0000000000").length - before.join("").split("0000000000").length).toBe(6);
  for (const key of await redis.keys(`${prefix}:mm4d-trace2:*`)) expect(await redis.ttl(key)).toBeGreaterThan(0);
});

/** As one whose process ends before that command. */
function stoppedAt(redis: Redis, command: string): Redis {
  return new Proxy(redis, {
    get(target, name) {
      if (name === command) return () => Promise.reject(new Error(`stopped at ${command}`));
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
