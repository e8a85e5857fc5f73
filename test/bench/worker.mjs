/**
 * A consumer: a BullMQ Worker that notes how long each report took from its DATA to here. Argument: Redis's port.
 * Told "forget" it begins anew, told "count" it answers with how many it has handled, told "result" with the quantiles.
 */
import { Worker } from "bullmq";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };
let tookMs = [];

const worker = new Worker(
  "mm4-delivery-events",
  async ({ data: event }) => {
    const sentUs = Number(event.data.transactionId.replaceAll('"', ""));
    tookMs.push(performance.timeOrigin + performance.now() - sentUs / 1000);
  },
  { connection, concurrency: 50 },
);
worker.on("error", () => {});

process.on("message", (asked) => {
  if (asked === "forget") tookMs = [];
  process.send(asked === "result" ? quantiles() : tookMs.length);
});

function quantiles() {
  const sorted = Float64Array.from(tookMs).sort();
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
