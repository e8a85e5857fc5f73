/** What is read behind its 250: the receiver is killed while it reads, or reads again what came under other rules. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Job, Queue } from "bullmq";
import { describe, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess } from "../support/service.ts";
import { tamper } from "../support/strace.ts";
import { CONNECTIONS, LONG, play, QUEUE, type Stage, scratch, writeRow } from "./stage.ts";

const TIMEOUT_MS = 1_800_000;
const KILLS = LONG ? 20 : 4;
const MAY_TAMPER = process.getuid?.() === 0 && process.platform === "linux";

describe.concurrent("killed while reading", () => {
  const name = `20 receiver killed ${KILLS} times in the middle of reading`;
  test.skipIf(!MAY_TAMPER)(name, { timeout: TIMEOUT_MS }, () =>
    play(name, {
      relaysNotice: true,
      steady: true,
      removedAtOnce: true,
      starts: (KILLS / 2) * 3 + 1,
      happen: killWhileReading,
      async after({ service }) {
        // Each waited when the process ended, and was in hand once at most, and none is to blame.
        expect((await runCommandWithin(["quarantine", "list", "--json"], service.env)).stdout).toBe("");
      },
    }),
  );
});

/**
 * Killed with reports that wait, because Redis is frozen, it reads each of them alone when it is back, and notes it. It is
 * killed at one of these notes, and at a later one: the same record three times would be a guilty one. Then that is let go.
 */
async function killWhileReading({ redis, service, accepted }: Stage): Promise<undefined> {
  const note = join(service.dataDir, "journal", "in-hand");
  let inHand = 0;
  for (let kill = 0; kill < KILLS; kill += 2) {
    await service.metric("mm4d_published_total", (published) => published > 0);
    redis.signal("SIGSTOP");
    // More than the drain reads before it waits for Redis, and before it can be tampered with.
    const enough = accepted.size + (LONG ? 2_000 : 400);
    await eventually(
      () => accepted.size,
      (size) => size > enough,
    );
    service.signal("SIGKILL");
    for (const first of [2, 16]) {
      expect(await service.exited()).toBe("SIGKILL");
      await service.restart();
      const at = first + 2 * Math.floor(Math.random() * 3);
      await tamper(service.facts().pid, "pwrite64", note, `signal=SIGKILL:when=${at}`);
      redis.signal("SIGCONT");
      expect(await service.exited()).toBe("SIGKILL");
      if (!readFileSync(note, "latin1").includes('"ends":[]')) inHand += 1;
      if (first === 2) redis.signal("SIGSTOP");
    }
    await service.restart();
    await service.metric("mm4d_journal_records", (waiting) => waiting < 10);
  }
  // It is a test only if it was killed there.
  expect(inHand).toBeGreaterThan(KILLS / 4);
  return undefined;
}

describe.concurrent("read again by the rules in force when it was said", () => {
  const REPORTS = LONG ? 5_000 : 300;

  for (const killed of [false, true]) {
    const name = `21 peers' file edited while reports wait${killed ? ", receiver killed" : ""}, Redis comes back empty`;
    test(name, { timeout: TIMEOUT_MS }, async () => {
      const place = scratch();
      const peersFile = join(place.path, "peers.json");
      const saysPeers = (nanp: boolean): void =>
        writeFileSync(peersFile, JSON.stringify({ peers: [{ name: "carrier", addresses: ["127.0.0.0/8"], nanp }] }));
      saysPeers(false);
      const redis = await startRedis();
      const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_PEERS_FILE: peersFile });
      /** A relay that came again behind the edit would have said it under other rules. So none does. */
      const deliver = (round: string) =>
        deliverAll({
          port: service.smtpPort,
          connections: CONNECTIONS,
          messages: Array.from({ length: REPORTS }, (_, index) => {
            const id = `${round}-${index}`;
            // With `nanp` a number, and without it none: its id, and its event's, depend on that.
            return [id, deliveryReport({ "X-Mms-Message-ID": id, From: "2025550100" })] as const;
          }),
        });
      try {
        await service.metric("mm4d_redis_up", (up) => up === 1);
        const ledgers = [await deliver("queued")];
        await service.metric("mm4d_published_total", (published) => published === REPORTS);
        const before = await eventsIn(redis);
        await redis.kill();
        ledgers.push(await deliver("waiting"));
        saysPeers(true);
        await eventually(
          () => service.log().filter(({ event }) => event === "settings.reloaded").length,
          (reloads) => reloads === 1,
        );
        ledgers.push(await deliver("after"));
        if (killed) {
          service.signal("SIGKILL");
          await service.exited();
          await service.restart();
        }
        rmSync(join(redis.directory, "appendonlydir"), { recursive: true });
        const startedMs = performance.now();
        await redis.start();
        await service.metric("mm4d_published_again_total", (count) => count >= REPORTS);
        await service.metric("mm4d_journal_records", (waiting) => waiting === 0);
        const events = await eventsIn(redis);
        const accepted = ledgers.flatMap((ledger) => [...ledger.accepted]);
        const lost = accepted.filter((id) => !events.has(id));
        const doubled = [...events].filter(([, some]) => some.length > 1).map(([id]) => id);
        writeRow(name, {
          sent: 3 * REPORTS,
          "answered 250": ledgers.reduce((sum, { acceptances }) => sum + acceptances, 0),
          "in the queue": events.size,
          lost: lost.length,
          doubled: doubled.length,
          "slowest reply, ms": Math.round(Math.max(...ledgers.map(({ slowestMs }) => slowestMs))),
          "recovery, s": ((performance.now() - startedMs) / 1000).toFixed(1),
        });
        expect([accepted.length, lost, doubled]).toEqual([3 * REPORTS, [], []]);
        // What Redis forgot is the same event as before.
        for (const [id, [event]] of before) expect(events.get(id)?.[0]?.id).toBe(event?.id);
        for (const [id, [event]] of events)
          expect(event?.data.recipient?.number).toBe(id.startsWith("after") ? "+12025550100" : null);
      } finally {
        await service.stop();
        await redis.stop();
        place.remove();
      }
    });
  }
});

/** The events of every job, by what they are about. */
async function eventsIn(redis: TestRedis): Promise<ReadonlyMap<string, readonly DeliveryEvent[]>> {
  const events = new Map<string, DeliveryEvent[]>();
  for (const { data } of await jobsOf<DeliveryEvent>(QUEUE, redis)) {
    const key = data.subject ?? data.id;
    events.set(key, [...(events.get(key) ?? []), data]);
  }
  return events;
}

/** Those that wait. */
async function jobsOf<Data>(name: string, { url }: TestRedis): Promise<readonly Job<Data>[]> {
  const queue = new Queue<Data>(name, { connection: { url } });
  try {
    return (await queue.getJobs(["waiting"])) as Job<Data>[];
  } finally {
    await queue.close();
  }
}
