/**
 * `npm run bench:memory`: what one event costs, in Redis and on the disk, and
 * what that makes at 1, 100 and 1,000 reports a second with the default bounds.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { createCatalogue } from "../../dist/catalogue/catalogue.js";
import { ORDINARY_PEER } from "../../dist/delivery/peer-rules.js";
import { readEvent } from "../../dist/flow/read.js";
import { sort } from "../../dist/flow/sort.js";
import { encodeRecord } from "../../dist/journal/record.js";
import { composePdu } from "../../dist/mm4/compose.js";
import { retrySchedule } from "../../dist/queue/owed-jobs.js";
import { createPublisher } from "../../dist/queue/publisher.js";
import { loadConfig } from "../../dist/settings/load.js";
import { createMessage } from "./report-message.mjs";

const EVENTS = Number(process.argv[2] ?? 20_000);
const PORT = 7_991;
const directory = mkdtempSync(join(tmpdir(), "mm4d-bench-"));
const server = spawn("redis-server", ["--port", String(PORT), "--save", "", "--dir", directory], { stdio: "ignore" });
const redis = new Redis({ port: PORT, maxRetriesPerRequest: null, retryStrategy: () => 50 });
redis.on("error", () => {});
await redis.ping();

const { config } = loadConfig({}).value;
const publisher = createPublisher({
  redis,
  settings: { ...config, completedKeepCount: EVENTS, streamKeepCount: 10 * EVENTS },
  ackWaitsMs: retrySchedule(config.ackRetrySeconds),
  onError: console.error,
});
const catalogue = createCatalogue();
const reading = {
  decodeWords: (text) => text,
  headerLimits: { bytes: config.maxHeaderBytes, fields: config.maxHeaderFields },
  catalogue,
  tableOf: () => catalogue,
  source: "/mm4d/mms.example.net",
};
const CARRIER = { name: "carrier", address: "192.0.2.1", helo: "mmsc.example.net", tls: null, user: null };
const event = (index) =>
  readEvent(
    {
      bytes: composePdu({
        kind: "delivery-report",
        transactionId: `tx-${index}@mmsc.example.net`,
        messageId: `mm-${index}@mmsc.example.net`,
        recipient: "+12025550100/TYPE=PLMN",
        originator: "+12025550199/TYPE=PLMN",
        date: new Date(),
        status: "Rejected",
        statusText: "rejected-spam-detected",
        code: "470",
      }),
      peer: CARRIER,
      rules: ORDINARY_PEER,
      receivedAt: new Date(),
    },
    reading,
  ).value;

const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))[1]);
const each = (bytes) => Math.round(bytes / EVENTS);

await publisher.publish([{ id: "jfirst", kind: "event", event: event(-1) }]);
const empty = await used();
for (let index = 0; index < EVENTS; index += 100) {
  await publisher.publish(
    Array.from({ length: 100 }, (_, offset) => ({
      id: `j${"0".repeat(23)}${index + offset}`,
      kind: "event",
      event: event(index + offset),
    })),
  );
}
const queue = new Queue(config.queue, { connection: { port: PORT } });
await queue.trimEvents(0);
const withWaiting = await used();
const worker = new Worker(config.queue, async () => {}, {
  connection: { port: PORT, maxRetriesPerRequest: null },
  concurrency: 50,
});
await once(worker, "drained");
while ((await queue.getCompletedCount()) < EVENTS) await new Promise((resolve) => setTimeout(resolve, 50));
await worker.close();
const stream = await redis.memory("USAGE", `${config.queuePrefix}:${config.queue}:events`, "SAMPLES", 0);
const streamLength = await redis.xlen(`${config.queuePrefix}:${config.queue}:events`);
await queue.trimEvents(0);
const withCompleted = await used();
await queue.close();
const keys = await redis.keys(`${config.queuePrefix}:${config.queue}:de:*`);
let ids = await used();
for (let index = 0; index < keys.length; index += 1000) await redis.del(...keys.slice(index, index + 1000));
ids -= await used();

// What was said is stored: its size is the report's, as the other benchmarks send it, and not the event's.
const { said } = sort(
  {
    sessionId: "m2kq7c3vx5tnah4j",
    peer: {
      identity: CARRIER,
      entry: { rules: ORDINARY_PEER, acknowledge: { mode: "auto", host: "mmsc.example.net", to: null } },
    },
    mailFrom: "system-user@carrier.example.net",
    bytes: createMessage("memory")(0).subarray(0, -".\r\n".length),
    receivedAt: new Date(),
  },
  reading,
  "system-user@mms.example.net",
);
const journal = encodeRecord({ id: `j${"0".repeat(32)}`, kind: "message", message: said }).byteLength;
const cost = {
  "waiting job": each(withWaiting - empty - ids),
  "consumed job": each(withCompleted - empty - ids),
  "remembered id": each(ids),
  "stream entry": Math.round(stream / streamLength),
  "journal record": journal,
};
console.log("bytes each:", cost);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 2 : 0)} MB`;
for (const rate of [1, 100, 1_000]) {
  console.log(`at ${rate}/s:`, {
    "consumed jobs": megabytes(
      Math.min(rate * config.completedKeepSeconds, config.completedKeepCount) * cost["consumed job"],
    ),
    "remembered ids": megabytes(rate * config.dedupeHours * 3600 * cost["remembered id"]),
    "event stream": megabytes(config.streamKeepCount * cost["stream entry"]),
    "journal, kept for 60 s": megabytes(rate * 60 * journal),
    "an hour without consumers": megabytes(rate * 3600 * cost["waiting job"]),
    "an hour without Redis, in the journal": megabytes(rate * 3600 * journal),
  });
}
redis.disconnect();
server.kill();
await once(server, "exit");
rmSync(directory, { recursive: true });
process.exit(0);
