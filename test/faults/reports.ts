/** What relays and consumers do: the same report many times, hostile ids, a consumer that dies. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Queue } from "bullmq";
import { describe, expect, test } from "vitest";
import { startConsumer } from "../support/consumer.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliverAll, type Message } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess } from "../support/service.ts";
import { QUEUE, sweepQueue, writeRow } from "./stage.ts";

const COPIES = [2, 20, 200];

describe.concurrent.each(["journal", "queue"])("the same report again, accepting into the %s", (mode) => {
  for (const receivers of [1, 2]) {
    test(`15 ${COPIES.join(", ")} times, at once and over time, on ${receivers} receiver(s), before and after the first was consumed and removed`, async () => {
      const redis = await startRedis();
      const env = { REDIS_URL: redis.url, MM4D_ACCEPT: mode, MM4D_COMPLETED_KEEP_COUNT: "0" };
      const services = await Promise.all(Array.from({ length: receivers }, () => startServiceProcess(env)));
      const consumer = startConsumer(redis.url);
      try {
        for (const service of services) {
          await eventually(
            async () => (await service.get("/healthz")).status,
            (status) => status === 200,
          );
        }
        const deliver = (connections: number) =>
          deliverAll({ port: services.map(({ smtpPort }) => smtpPort), connections, messages: copies() });
        const atOnce = await deliver(50);
        await eventually(
          () => consumer.events.length,
          (length) => length >= COPIES.length,
        );
        const queue = new Queue(QUEUE, { connection: { url: redis.url } });
        await eventually(
          () => queue.getJobCountByTypes("waiting", "active", "completed"),
          (count) => count === 0,
        );
        await queue.close();
        const overTime = await deliver(1);
        const sent = 2 * COPIES.reduce((sum, count) => sum + count, 0);
        // Every one is answered 250, first or not.
        expect([atOnce.acceptances + overTime.acceptances, atOnce.retries + overTime.retries]).toEqual([sent, 0]);

        const counted = async () => {
          const texts = await Promise.all(services.map(async (service) => (await service.get("/metrics")).text));
          const counts = texts.flatMap((text) => [...text.matchAll(/^mm4d_duplicates_total\{.*\} (\d+)$/gm)]);
          return counts.reduce((sum, [, count]) => sum + Number(count), 0);
        };
        expect(await eventually(counted, (count) => count >= sent - COPIES.length)).toBe(sent - COPIES.length);
        // The log comes through a pipe, and behind the counts.
        const logged = () =>
          services.flatMap((service) => service.log()).filter(({ event }) => event === "report.duplicate").length;
        expect(await eventually(logged, (count) => count >= sent - COPIES.length)).toBe(sent - COPIES.length);
        writeRow(`15 the same report ${COPIES.join(", ")} times, ${receivers} receiver(s) (${mode})`, {
          sent,
          "answered 250": atOnce.acceptances + overTime.acceptances,
          "in the queue": consumer.events.length,
          doubled: consumer.events.length - COPIES.length,
          "slowest reply, ms": Math.round(Math.max(atOnce.slowestMs, overTime.slowestMs)),
        });
        expect(consumer.events.map(({ subject }) => subject).sort()).toEqual(
          COPIES.map((count) => `copied-${count}`).sort(),
        );
      } finally {
        await consumer.stop();
        for (const service of services) await service.stop();
        await redis.stop();
      }
    });
  }
});

/** As a relay sends again: the transaction id and the date may be new. */
function* copies(): Generator<readonly [string, Message]> {
  for (const count of COPIES) {
    for (let copy = 0; copy < count; copy++) {
      const id = `copied-${count}`;
      yield [
        id,
        deliveryReport({
          "X-Mms-Message-ID": id,
          "X-Mms-Transaction-ID": `tx-${count}-${copy}`,
          Date: new Date(1_767_323_040_000 + copy * 1_000).toUTCString(),
        }),
      ];
    }
  }
}

const HOSTILE = [
  ...["meta", "id", "wait", "active", "events", "marker", "de", "stalled", "1", "0", "-1", "0:1", "a:b", "bull:x:1"],
  // As long as an id may be.
  ...["x".repeat(1_000), '"', '""', "'; --", "\\", "{}", "[1]", "null", "__proto__", "../../etc", "%s%n", "*", "\t"],
  ...["a\u0000b", "🦊".repeat(10), "\u202e", "=?utf-8?Q?a=0D=0Ab?=", "<>", "<a@b>", "a b", "é".repeat(100)],
];
const ID_FIELDS = ["X-Mms-Message-ID", "X-Mms-Transaction-ID", "From", "To", "X-Mms-Status-Text", "Message-ID"];

describe.concurrent("hostile ids", () => {
  test(`17 ${HOSTILE.length} of them in each of ${ID_FIELDS.length} fields: ordinary reports are unaffected`, async () => {
    const redis = await startRedis();
    const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_LOG_LEVEL: "warn" });
    const consumer = startConsumer(redis.url);
    try {
      const hostile = ID_FIELDS.flatMap((field, row) =>
        HOSTILE.map(
          (id, column) => [`hostile ${row} ${column}`, report(`mm-${row}-${column}`, { [field]: id })] as const,
        ),
      );
      const ordinary = Array.from({ length: 500 }, (_, index) => [`mm-o-${index}`, report(`mm-o-${index}`)] as const);
      const messages = [...hostile, ...ordinary].sort(() => Math.random() - 0.5);
      const ledger = await deliverAll({ port: service.smtpPort, connections: 10, messages });
      expect([ledger.accepted.size, ledger.retries]).toEqual([messages.length, 0]);

      // Ids that say nothing, or the same after white space and quotes are gone, are the same report.
      await eventually(
        () => consumer.events.filter(({ subject }) => subject?.startsWith("mm-o-")).length,
        (length) => length === ordinary.length,
      );
      await eventually(
        async () => /mm4d_journal_records (\d+)/.exec((await service.get("/metrics")).text)?.[1],
        (waiting) => waiting === "0",
      );
      const ids = consumer.events.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      writeRow("17 hostile ids", {
        sent: messages.length,
        "answered 250": ledger.acceptances,
        "in the queue": ids.length,
        doubled: ids.length - new Set(ids).size,
        "slowest reply, ms": Math.round(ledger.slowestMs),
      });
      // Each was queued, but for those in the message id that are equal once normalised: `""`, `"`, `<>` and a tab are none.
      expect(ids.length).toBeGreaterThanOrEqual(messages.length - 4);
      const keys = (await redis.call("KEYS", "*")) as string[];
      // Nothing that a peer wrote is part of a key.
      for (const key of keys)
        expect(key).toMatch(
          /^bull:(mm4-delivery-events:(j[0-9a-f]{32}|de:r[0-9a-f]{32}|[a-z-]+)|mm4-acknowledgements:[a-z-]+|mm4d-probe|mm4d-mark|mm4d-consumers|mm4d-trace3(:\d+:(b\d+|blocks|i[0-9a-f]{2}))?|mm4d-statistics:[a-z]+:[\dT:-]+)$/,
        );
      expect(service.log().filter(({ event }) => event !== "service.note")).toEqual([]);
    } finally {
      await consumer.stop();
      await service.stop();
      await redis.stop();
    }
  });
});

function report(id: string, fields: Readonly<Record<string, string>> = {}): Uint8Array {
  return Buffer.from(Buffer.from(deliveryReport({ "X-Mms-Message-ID": id, ...fields })).toString("utf8"), "utf8");
}

describe.concurrent("a consumer", () => {
  test("19 killed again and again with jobs in hand: every event is handled to the end, or is in the failed set", async () => {
    const EVENTS = 200;
    const redis = await startRedis();
    const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_LOG_LEVEL: "warn" });
    const messages = Array.from({ length: EVENTS }, (_, index) => [`mm-${index}`, report(`mm-${index}`)] as const);
    const handled = new Map<string, { begun: number; ended: number }>();
    let consumer: ChildProcess | undefined;
    const startConsuming = (): void => {
      consumer = spawn(process.execPath, [CONSUMER], {
        env: { ...process.env, REDIS_URL: redis.url },
        stdio: ["ignore", "pipe", "inherit"],
      });
      let rest = "";
      consumer.stdout?.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const [what, subject = ""] = line.split(" ");
          const seen = handled.get(subject) ?? { begun: 0, ended: 0 };
          handled.set(subject, {
            begun: seen.begun + Number(what === "begun"),
            ended: seen.ended + Number(what === "ended"),
          });
        }
      });
    };
    const kill = async (): Promise<void> => {
      const ended = new Promise((resolve) => consumer?.once("exit", resolve));
      consumer?.kill("SIGKILL");
      await ended;
    };
    try {
      const delivered = await deliverAll({ port: service.smtpPort, connections: 10, messages });
      for (let time = 0; time < 4; time++) {
        const before = [...handled.values()].reduce((sum, { ended }) => sum + ended, 0);
        startConsuming();
        await eventually(
          () => [...handled.values()].reduce((sum, { ended }) => sum + ended, 0),
          (ended) => ended >= before + 10,
        );
        await kill();
      }
      startConsuming();
      const queue = new Queue(QUEUE, { connection: { url: redis.url } });
      await eventually(
        () => queue.getJobCountByTypes("waiting", "active", "delayed"),
        (count) => count === 0,
      );
      const failed = (await queue.getFailed()).map(({ data }) => String(data.subject));
      await queue.close();
      // At least once: some were begun twice, because their consumer died with them in hand.
      expect([...handled.values()].some(({ begun }) => begun > 1)).toBe(true);
      const missing = messages.map(([id]) => id).filter((id) => !handled.get(id)?.ended && !failed.includes(id));
      writeRow("19 consumer killed with jobs in hand", {
        sent: EVENTS,
        "answered 250": delivered.acceptances,
        "in the queue": EVENTS - missing.length,
        lost: missing.length,
        "slowest reply, ms": Math.round(delivered.slowestMs),
      });
      expect(missing).toEqual([]);
      const events = new Map<string, Set<string>>();
      await sweepQueue({ url: redis.url }, events);
      expect([...events.values()].filter((jobs) => jobs.size > 1)).toEqual([]);
    } finally {
      await kill();
      await service.stop();
      await redis.stop();
    }
  });
});

const CONSUMER = fileURLToPath(new URL("./slow-consumer.mjs", import.meta.url));
