/** Full rate for a long time: whether memory grows. */
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../load.mjs";
import { rssBytes } from "../processes.mjs";
import { trim } from "../queue-filling.mjs";
import { median } from "../table.mjs";
import { megabytes, withSubject } from "./with-subject.mjs";

export function soak(turn) {
  return withSubject(turn, async (server) => {
    const seconds = turn.quick ? 20 : 600;
    const { client } = server.redis;
    const memory = watchMemory(server.child);
    let over = false;
    // As consumers would do, so that it is not Redis's memory that ends the run.
    const trimming = (async () => {
      for (; !over; await sleep(1_000)) await trim(client, 1_000);
    })();
    const sent = await send({ port: server.port, connections: 50, reports: seconds * 30_000, seconds });
    over = true;
    memory.stop();
    await trimming;
    const { samples } = memory;
    const around = Math.max(3, Math.round(samples.length / 60));
    const minute = Math.min(60, Math.round(samples.length / 4));
    const early = median(samples.slice(minute, minute + around));
    const late = median(samples.slice(-around));
    return [
      {
        subject: turn.name,
        perSecond: sent.perSecond,
        answeredPerSecond: sent.perSecond,
        p50Ms: sent.p50Ms,
        p99Ms: sent.p99Ms,
        growth: late / early,
        note: `memory ${megabytes(early)} after ${minute} s, ${megabytes(late)} after ${samples.length} s`,
      },
    ];
  });
}

/** Resident memory once a second, until it is stopped. */
export function watchMemory(child) {
  const samples = [];
  const timer = setInterval(() => samples.push(rssBytes(child)), 1_000);
  return { samples, stop: () => clearInterval(timer) };
}
