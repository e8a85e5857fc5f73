/** A consumer that throws and dawdles at random, and is killed at random by its test. */
import { Redis } from "ioredis";
import { consume, once } from "../../dist/consumer/index.js";

const [url, prefix] = process.argv.slice(2);
const redis = new Redis(url, { maxRetriesPerRequest: null });
redis.on("error", () => {});

/** In one step, so that a kill comes before or behind both: that the event was applied, and what it does. */
const APPLY = `
if redis.call("SETNX", KEYS[1] .. ":done:" .. ARGV[1], "1") == 0 then return 0 end
redis.call("HINCRBY", KEYS[1] .. ":applied", ARGV[1], 1)
return 1`;

async function store(_id, apply) {
  const transaction = [];
  await apply(transaction);
  return (await redis.eval(APPLY, 1, prefix, ...transaction)) === 1;
}

await consume(
  once(async ({ id }, transaction) => {
    const chance = Math.random();
    if (chance < 0.05) {
      await redis.incr(`${prefix}:thrown`);
      throw new Error("at random");
    }
    if (chance < 0.1) await new Promise((resolve) => setTimeout(resolve, 100 * Math.random()));
    transaction.push(id);
  }, store),
  { connection: { url }, prefix, concurrency: 20, lostAfterMs: 2_000, onError: () => {} },
);
