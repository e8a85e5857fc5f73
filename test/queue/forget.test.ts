/** What `mm4d forget` does to Redis: what is done with goes, what is to be done stays, ids stay remembered. */
import { Queue, Worker } from "bullmq";
import { expect, test } from "vitest";
import { forgetInStream, forgetJobs } from "../../src/queue/forget.ts";
import { eventually } from "../support/redis.ts";
import { useRedis } from "../support/redis-of-file.ts";

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
    ...{ place: own, queue: "owed", keepIds: true, done: ["completed", "failed"] as const },
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
  expect(await forgetInStream(own, "owed", concerns, true)).toBe(told.length);
  expect(await redis.xlen(stream)).toBe(before.length);
  expect(await forgetInStream(own, "owed", concerns, false)).toBe(told.length);
  expect(await redis.xrange(stream, "-", "+")).toEqual(before.filter(([, fields]) => !concerns(fields.join("\n"))));
  expect((await redis.dumpBuffer(stream)).includes("12025550155")).toBe(false);
  const next = (await redis.xadd(stream, "*", "event", "next")) ?? "";
  expect(next > (before.at(-1)?.[0] ?? "")).toBe(true);
  await queue.close();
});
