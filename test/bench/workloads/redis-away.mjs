/** What comes while Redis is away: how fast, how much memory it takes, and how fast it is drained. */
import { setTimeout as sleep } from "node:timers/promises";
import { measure, send } from "../load.mjs";
import { forgetPeak, peakBytes } from "../processes.mjs";
import { watchMemory } from "./soak.mjs";
import { megabytes, withSubject } from "./with-subject.mjs";

export function away(turn) {
  return withSubject(turn, async (server) => {
    const reports = turn.quick ? 50_000 : 1_000_000;
    const here = await measure(server, { reports: Math.max(reports / 10, turn.reports) });
    const stood = await server.stored();
    await server.redis.leave();

    const memory = watchMemory(server.child);
    const gone = await send({ port: server.port, connections: 50, reports });
    const accepted = memory.samples.length;
    await server.redis.comeBack();
    const backMs = performance.now();
    while ((await server.stored()) < stood + gone.accepted) await sleep(50);
    const drainedPerSecond = gone.accepted / ((performance.now() - backMs) / 1000);
    memory.stop();

    const fifth = Math.ceil(accepted / 5);
    // By its middle what the journal keeps in memory has reached its limit, also in the short run.
    const middle = Math.max(...memory.samples.slice(2 * fifth, 3 * fifth));
    const late = Math.max(...memory.samples.slice(accepted - fifth, accepted));
    const draining = Math.max(...memory.samples.slice(accepted), late);
    return [
      { subject: turn.name, ...here, note: "Redis is here" },
      {
        subject: `${turn.name} away`,
        perSecond: gone.perSecond,
        answeredPerSecond: gone.perSecond,
        p50Ms: gone.p50Ms,
        p99Ms: gone.p99Ms,
        generatorUs: (gone.cpuSeconds * 1e6) / gone.accepted,
        loadCore: gone.cpuSeconds / gone.seconds,
        growth: late / middle,
        note: `${acceptedOf(gone)}; memory ${megabytes(middle)} in the middle, ${megabytes(late)} at the end`,
      },
      {
        subject: `${turn.name} drains`,
        perSecond: drainedPerSecond,
        growth: draining / middle,
        note: `memory ${megabytes(draining)} at most until drained`,
      },
    ];
  });
}

/** The kernel keeps what a process had at its highest, so that no moment is missed between two looks. */
export function awayMemory(turn) {
  return withSubject(turn, async (server) => {
    const stood = await server.stored();
    await server.redis.leave();
    forgetPeak(server.child);
    const gone = await send({ port: server.port, connections: 50, reports: turn.quick ? 10_000 : 100_000 });
    const highestBytes = peakBytes(server.child);
    await server.redis.comeBack();
    forgetPeak(server.child);
    while ((await server.stored()) < stood + gone.accepted) await sleep(50);
    const note = `${acceptedOf(gone)}; resident ${megabytes(highestBytes)} at most, ${megabytes(peakBytes(server.child))} while drained`;
    return [{ subject: turn.name, perSecond: gone.perSecond, answeredPerSecond: gone.perSecond, highestBytes, note }];
  });
}

function acceptedOf({ accepted, failures }) {
  return `${accepted.toLocaleString("en")} accepted, failures ${JSON.stringify(failures)}`;
}
