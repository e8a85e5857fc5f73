/** `mm4d failed`: events that consumers gave up on, told, and given back to them. */
import { Queue, Worker } from "bullmq";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { openFailedJobs } from "../../src/queue/failed.ts";
import { redisAt, withRedis } from "../../src/queue/redis.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { rowsOf, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const QUEUE = "mm4-delivery-events";

let redis: TestRedis;
let service: ServiceUnderTest;
let queue: Queue<DeliveryEvent>;
let worker: Worker | undefined;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_JOB_ATTEMPTS: "1" });
  queue = new Queue(QUEUE, { connection: connection() });
});
afterEach(async () => {
  await worker?.close();
  await queue.obliterate({ force: true });
});
afterAll(async () => {
  await queue.close();
  await service.stop();
  await redis.stop();
});

const connection = () => ({ url: redis.url, maxRetriesPerRequest: null });
const failed = (...args: string[]) => runCommandWithin(["failed", ...args], service.env);
const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

/** A consumer that handles one job after the other. */
async function consume(handle: (event: DeliveryEvent) => void): Promise<void> {
  await worker?.close();
  worker = new Worker<DeliveryEvent>(QUEUE, async ({ data }) => handle(data), { connection: connection() });
  worker.on("error", () => {}); // It is closed while it waits.
}

/** Reports on messages of these ids, which the consumer gives up on for the reasons that are theirs. */
async function fail(reasons: Readonly<Record<string, string>>): Promise<void> {
  await consume(({ data }) => {
    throw new Error(reasons[data.messageId ?? ""]);
  });
  const client = await openSession(service.smtpPort);
  for (const id of Object.keys(reasons)) {
    const report = deliveryReport({
      "X-Mms-Message-ID": id,
      "X-Mms-MM-Status-Code": "Rejected",
      "X-Internal-Status-Code": "470",
    });
    expect(await client.deliver(report)).toMatch(/^250/);
    await eventually(failedEvents, (events) => events.some(({ subject }) => subject === id));
  }
  client.end();
}

async function failedEvents(): Promise<DeliveryEvent[]> {
  return (await queue.getFailed()).map(({ data }) => data);
}

test("numbers are masked in what people read: the event's, and those in the consumer's words, but no address", async () => {
  const error = "connect ECONNREFUSED 192.168.100.25:5432 for 12025550100, +1 202 555 0123";
  await fail({ "mm-12025550100": error });
  const [, , masked, , message] = linesOf((await failed("list")).stdout);
  expect(masked).toBe("  connect ECONNREFUSED 192.168.100.25:5432 for *******0100, +* *** *** 0123");
  expect(message).toBe("  message mm-*******0100, recipient +*******0100, peer loopback");
  const [, , full] = linesOf((await failed("list", "--full-numbers")).stdout);
  expect(full).toBe("  connect ECONNREFUSED 192.168.100.25:5432 for 12025550100, +1 202 555 0123");
  expect(rowsOf((await failed("list", "--json")).stdout)).toMatchObject([
    { error, event: { subject: "mm-12025550100" } },
  ]);
});

test("each failed job is told: when, how often, why, and which event, without harm to the terminal", async () => {
  expect(await failed("list")).toEqual({ code: 0, stdout: "", stderr: "No failed jobs.\n" });
  expect(await failed("list", "--json")).toEqual({ code: 0, stdout: "", stderr: "" });
  await fail({ older: "no such customer", newer: `\u001b[2J${"very ".repeat(100)}long\nat line 2`, last: "" });
  const { code, stdout, stderr } = await failed("list");
  expect([code, stderr]).toEqual([0, "3 jobs failed.\n"]);
  const lines = linesOf(stdout);
  for (const line of lines) expect([line, line.length <= 80]).toEqual([line, true]);
  expect(lines.slice(0, 5)).toEqual([
    expect.stringMatching(/^j[0-9a-f]{32}$/),
    expect.stringMatching(/^ {2}failed 20\d\d-.*Z after 1 attempt$/),
    "  no such customer",
    "  rejected (failure, final)  470 rejected-spam-detected",
    "  message older, recipient +*******0100, peer loopback",
  ]);
  expect(lines[7]).toMatch(/^ {2}\\x1b\[2Jvery .*…$/);
  expect(lines[12]).toBe("  (the consumer gave no reason)");
  expect(stdout).not.toContain("line 2");

  const full = linesOf((await failed("list", "--full-numbers")).stdout);
  expect(full[4]).toBe("  message older, recipient +12025550100, peer loopback");

  const rows = rowsOf((await failed("list", "--json")).stdout);
  expect(rows.map(({ id }) => id)).toEqual([lines[0], lines[5], lines[10]]);
  expect(rows[1]).toMatchObject({
    attempts: 1,
    error: expect.stringMatching(/at line 2$/),
    event: { subject: "newer" },
  });
});

test("a job that is retried is consumed, with a fresh set of attempts", async () => {
  await fail({ a: "away", b: "away" });
  const jobs = await queue.getFailed();
  const id = jobs.find(({ data }) => data.subject === "a")?.id ?? "";
  const consumed: unknown[] = [];
  await consume(({ subject }) => void consumed.push(subject));
  expect(await failed("retry", id)).toEqual({ code: 0, stdout: `${id}  given back to consumers\n`, stderr: "" });
  await eventually(
    () => queue.getCompletedCount(),
    (count) => count === 1,
  );
  expect(consumed).toEqual(["a"]);
  expect(await queue.getJob(id)).toMatchObject({ attemptsMade: 1, attemptsStarted: 1 });
  expect((await failedEvents()).map(({ subject }) => subject)).toEqual(["b"]);
  for (const other of [id, "nothing"]) {
    expect(await failed("retry", other)).toEqual({
      code: 1,
      stdout: "",
      stderr: `Cannot retry "${other}": there is no such failed job\n`,
    });
  }
});

test("--all retries every job, or those with a reason, oldest first, and each once although it fails again", async () => {
  await fail({ a: "CRM: away", b: "no such customer", c: "CRM: away" });
  const ids = (await queue.getFailed()).map(({ id }) => id).reverse();
  await consume(({ subject }) => {
    throw new Error(`again ${subject}`);
  });
  expect(await failed("retry", "--all", "--reason", "CRM:")).toEqual({
    code: 0,
    stdout: `${ids[0]}  given back to consumers\n${ids[2]}  given back to consumers\n`,
    stderr: "2 jobs given back to consumers.\n",
  });
  await eventually(
    async () => (await queue.getFailed()).map(({ failedReason }) => failedReason).sort(),
    (reasons) => JSON.stringify(reasons) === JSON.stringify(["again a", "again c", "no such customer"]),
  );
  const { stdout, stderr } = await failed("retry", "--all");
  expect([linesOf(stdout).map((line) => line.split(" ")[0]), stderr]).toEqual([
    [ids[1], ids[0], ids[2]],
    "3 jobs given back to consumers.\n",
  ]);
  await eventually(failedEvents, (events) => events.length === 3);
});

test("more than one page is told and retried in order, and what vanishes meanwhile is left out", async () => {
  await fail({ model: "x" });
  const [model] = await failedEvents();
  if (!model) throw new Error("Nothing has failed");
  await queue.obliterate({ force: true });
  const ids = Array.from({ length: 250 }, (_, index) => `j${String(index).padStart(3, "0")}`);
  await queue.addBulk(ids.map((jobId) => ({ name: model.type, data: model, opts: { jobId } })));
  await eventually(
    () => queue.getFailedCount(),
    (count) => count === ids.length,
  );
  await worker?.close();
  const { stdout, stderr } = await failed("list");
  expect(stderr).toBe("250 jobs failed.\n");
  expect(linesOf(stdout).filter((line) => line.startsWith("j"))).toEqual(ids);

  const told: string[] = [];
  await withRedis(redisAt(redis.url), async (client) => {
    const jobs = openFailedJobs({ redis: client, prefix: "bull" }, QUEUE);
    for await (const { id } of jobs.list()) {
      if (told.length === 0) {
        await queue.remove("j150");
        await (await queue.getJob("j200"))?.retry();
      }
      told.push(id);
    }
    await jobs.close();
  });
  expect(told).toEqual(ids.filter((id) => id !== "j150" && id !== "j200"));

  const retried = linesOf((await failed("retry", "--all")).stdout).map((line) => line.split(" ")[0]);
  expect(retried).toEqual(told);
  expect((await queue.getWaiting()).map(({ id }) => id)).toEqual(["j200", ...told]);
  expect((await failed("list")).stderr).toBe("No failed jobs.\n");
});

test("usage: one id or --all", async () => {
  for (const args of [["retry"], ["retry", "j1", "--all"]]) {
    expect(await failed(...args)).toMatchObject({ code: 1, stderr: "Cannot retry: one id or --all must be given\n" });
  }
  expect((await failed()).code).toBe(2);
});
