/** A consumer as the README shows it, slow, and with a lock that is soon noticed to be nobody's. Says what it begins and ends. */
import { Worker } from "bullmq";

const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };

new Worker(
  "mm4-delivery-events",
  async ({ data: event }) => {
    process.stdout.write(`begun ${event.subject}\n`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    process.stdout.write(`ended ${event.subject}\n`);
  },
  { connection, concurrency: 10, lockDuration: 1_000, stalledInterval: 500 },
);
