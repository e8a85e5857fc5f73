/** Sends reports to a subject, and says what that gave and what it cost. */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cpuSeconds, LOAD_CORE, machineSeconds, run } from "./processes.mjs";
import { threadSeconds } from "./threads.mjs";

const GENERATOR = fileURLToPath(new URL("generator.mjs", import.meta.url));
const LOOKED_EVERY_MS = 10;
/** Without one more event in the queue for so long, it is told as a failure. */
const PATIENCE_MS = 60_000;
/** What a server puts off (mm4d writes its trace once a second) is part of what a report costs. */
const AFTERWARDS_MS = 1_100;

let runs = 0;

/** Runs the generator to its end. */
export function send(load) {
  runs += 1;
  const named = { ...load, run: `${process.pid}-${Date.now().toString(36)}-${runs}` };
  return run([process.execPath, GENERATOR, JSON.stringify(named)], { core: LOAD_CORE });
}

/**
 * Sends a load and waits until all of it is in the queue.
 *
 * The sustained rate stops its clock when the last event is in the queue; where nothing is stored it is the
 * answered rate, whose clock stops at the last 250.
 */
export async function measure(server, load, stored = server.stored) {
  const threadsBefore = threadUsage(server);
  const before = usage(server);
  const already = stored ? await stored() : 0;
  let sent;
  const sending = send({ port: server.port, connections: 50, ...load }).then((result) => {
    sent = result;
  });
  const allStoredAtMs = stored ? await whenStored(stored, () => already + (sent?.accepted ?? load.reports)) : 0;
  await sending;
  const threads = difference(threadsBefore, threadUsage(server));
  if (stored) await sleep(AFTERWARDS_MS);
  const used = since(before, usage(server));
  const sustainedSeconds = ((stored ? allStoredAtMs : sent.endedAtMs) - sent.startedAtMs) / 1000;
  const failures = Object.entries(sent.failures).map(([failure, count]) => `${count} × ${failure}`);
  const microseconds = (seconds) => (seconds * 1e6) / sent.accepted;
  return {
    reports: sent.accepted,
    perSecond: sent.accepted / sustainedSeconds,
    answeredPerSecond: sent.perSecond,
    queuedAfterSeconds: Math.max(0, sustainedSeconds - sent.seconds),
    p50Ms: sent.p50Ms,
    p99Ms: sent.p99Ms,
    maxMs: sent.maxMs,
    serverUs: microseconds(used.server),
    redisUs: server.redis ? microseconds(used.redis) : null,
    generatorUs: microseconds(sent.cpuSeconds),
    ...partsOfCores(),
    otherPercent: Math.max(0, (100 * (used.machine - used.server - used.redis - used.bench)) / used.seconds),
    note: failures.length > 0 ? `failed: ${failures.join(", ")}` : undefined,
  };

  /** While the clock ran: which part of a core each of them used. */
  function partsOfCores() {
    const used = Object.entries({ ...threads, generator: sent.cpuSeconds });
    const busy = Object.fromEntries(used.map(([name, seconds]) => [name, seconds / sustainedSeconds]));
    // Redis shares the generator's core, so that it counts too.
    return { busy, loadCore: busy.generator + busy.redisMain + busy.redisBio };
  }

  async function whenStored(count, wanted) {
    let last = -1;
    let movedAtMs = performance.now();
    for (;;) {
      const found = await count();
      const atMs = performance.timeOrigin + performance.now();
      if (found >= wanted()) return atMs;
      if (sent?.accepted === 0) throw new Error(`Cannot measure: none was accepted: ${JSON.stringify(sent.failures)}`);
      if (found !== last) movedAtMs = performance.now();
      last = found;
      if (performance.now() - movedAtMs > PATIENCE_MS) {
        throw new Error(`Cannot measure: ${wanted() - found} reports that were answered 250 are not in the queue`);
      }
      await sleep(LOOKED_EVERY_MS);
    }
  }
}

function usage(server) {
  return {
    atMs: performance.now(),
    server: cpuSeconds(server.child),
    redis: server.redis ? cpuSeconds(server.redis.child()) : 0,
    // The generator is a child of ours that has ended by then.
    bench: cpuSeconds(process),
    machine: machineSeconds(),
  };
}

function since(before, after) {
  const used = difference(before, after);
  return { ...used, seconds: used.atMs / 1000 };
}

/** Seconds that each kind of thread has used so far. */
function threadUsage(server) {
  const { main, v8, pool, other } = threadSeconds(server.child.pid);
  const redis = server.redis && threadSeconds(server.redis.child().pid);
  return { main, v8, pool, other, redisMain: redis ? redis.main : 0, redisBio: redis ? redis.bio + redis.other : 0 };
}

function difference(before, after) {
  return Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
}
