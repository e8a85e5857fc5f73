/** The thread of start-views.ts: answers questions about the trace and the queues over a connection of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { giveWay } from "../process/thread-priority.ts";
import { connectRedis, hearWhyNot } from "../queue/redis.ts";
import { redisFault } from "../queue/redis-faults.ts";
import { answering } from "./answer.ts";
import { createLiveLook } from "./live-rows.ts";
import type { Asked, ThreadData, Told } from "./question.ts";
import type { ReportFilter } from "./report-row.ts";

const LOOKED_EVERY_MS = 1_000;

// Where there are more threads that compute than cores, those that take reports go first.
giveWay("low");

const { redis: address, prefix, queues, archive } = workerData as ThreadData;
const place = { redis: connectRedis(address), prefix };
/** Why Redis cannot be reached, while it cannot. */
let away: string | null = null;
hearWhyNot(place.redis, (why) => {
  away = `Redis cannot be reached: ${why}`;
});
place.redis.on("ready", () => {
  away = null;
});
const answer = answering(place, queues, archive);

const tell = (told: Told): void => parentPort?.postMessage(told);

async function reply(number: number, question: Parameters<typeof answer>[0]): Promise<void> {
  try {
    tell({ number, answer: await answer(question, (given) => tell({ number, given })) });
  } catch (cause) {
    tell({ number, fault: away ?? faultInWords(cause as Error) });
  }
}

/** That the connection has broken is known before it is known why. */
function faultInWords(cause: Error): string {
  return cause.name === "MaxRetriesPerRequestError" ? "Redis cannot be reached" : redisFault(cause);
}

let followed: readonly ReportFilter[] = [];
let look: ReturnType<typeof createLiveLook> | undefined;
let looks: NodeJS.Timeout | undefined;
let looking = false;

function follow(filters: readonly ReportFilter[]): void {
  followed = filters;
  if (followed.length === 0) {
    clearInterval(looks);
    looks = undefined;
    look = undefined;
    return;
  }
  look ??= createLiveLook(place, queues[0] ?? "");
  looks ??= setInterval(lookOnce, LOOKED_EVERY_MS);
  void lookOnce();
}

async function lookOnce(): Promise<void> {
  if (looking || look === undefined) return;
  looking = true;
  try {
    const news = await look(followed);
    if (news.found.length > 0 || news.jobs.size > 0) tell({ news });
  } catch {
    // Redis is away: the next look makes up for it, and the pages say so by themselves.
  } finally {
    looking = false;
  }
}

parentPort?.on("message", (asked: Asked) => {
  if ("number" in asked) {
    void reply(asked.number, asked.question);
    return;
  }
  follow(asked.followed);
});
