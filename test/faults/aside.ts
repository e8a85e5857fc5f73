/** What only reading shows to be unreadable, behind its 250, when there is no room for it in quarantine. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Queue } from "bullmq";
import { describe, expect, test } from "vitest";
import type { QuarantinedMessage } from "../../src/delivery/quarantined.ts";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";
import { CONNECTIONS, LONG, scratch, sweepQueue, writeRow } from "./stage.ts";

const TIMEOUT_MS = 1_800_000;

describe.concurrent.each(["journal", "queue"])("unreadable, as only reading shows, accepting into the %s", (mode) => {
  const GOOD = LONG ? 20_000 : 1_000;
  const BAD = LONG ? 3_000 : 400;
  const PLACES = LONG ? 200 : 40;

  test("22 a flood of them without room in quarantine, beside a good peer", { timeout: TIMEOUT_MS }, async () => {
    const place = scratch();
    const peersFile = join(place.path, "peers.json");
    const peers = [
      { name: "good", addresses: ["127.0.0.2"] },
      { name: "bad", addresses: ["127.0.0.3"] },
    ];
    writeFileSync(peersFile, JSON.stringify({ peers }));
    const redis = await startRedis();
    const quarantine = new Queue<QuarantinedMessage>(QUARANTINE_QUEUE, { connection: { url: redis.url } });
    const service = await startServiceProcess({
      REDIS_URL: redis.url,
      MM4D_ACCEPT: mode,
      MM4D_PEERS_FILE: peersFile,
      MM4D_LOG_LEVEL: "warn",
      MM4D_QUARANTINE_MAX_MESSAGES: String(PLACES),
      // A sixteenth of it may wait aside: some fifty of them, and some hundred in the long version.
      MM4D_JOURNAL_MAX_BYTES: String((LONG ? 32 : 4) * 1024 * 1024),
    });
    try {
      await service.metric("mm4d_redis_up", (up) => up === 1);
      const messages = Array.from({ length: GOOD }, (_, index) => {
        const id = `good-${index}`;
        return [id, deliveryReport({ "X-Mms-Message-ID": id })] as const;
      });
      const [ledger, replies] = await Promise.all([
        deliverAll({ port: service.smtpPort, from: "127.0.0.2", connections: CONNECTIONS, messages }),
        flood(service, "127.0.0.3", BAD),
      ]);
      const stored = [...replies].filter(([, reply]) => reply.startsWith("250")).map(([id]) => id);
      const asked = [...replies].filter(([, reply]) => reply.startsWith("451")).map(([id]) => id);
      expect(stored.length + asked.length).toBe(BAD);
      expect(asked.length).toBeGreaterThan(0);
      const events = new Map<string, Set<string>>();
      await eventually(
        () => sweepQueue({ url: redis.url }, events),
        () => events.size >= GOOD,
      );
      const kept = await quarantine.count();
      if (mode === "journal") {
        const aside = await service.metric("mm4d_journal_records", (records) => records === stored.length - kept);
        expect(aside).toBeGreaterThan(PLACES / 2);
        // What waits aside is found again.
        service.signal("SIGKILL");
        await service.exited();
        await service.restart();
      }

      // A person makes room, again and again.
      const seen = new Map<string, Set<string>>();
      const startedMs = performance.now();
      await eventually(
        async () => {
          for (const { id = "", data } of await quarantine.getJobs(["waiting"])) {
            const [key = ""] = /bad-\d+-/.exec(Buffer.from(data.raw, "base64").toString("latin1")) ?? [];
            seen.set(key, (seen.get(key) ?? new Set()).add(id));
            await quarantine.remove(id);
          }
          return seen.size;
        },
        (size) => size >= stored.length,
        900_000,
      );
      await service.metric("mm4d_journal_records", (records) => records === 0);
      const lost = [...[...ledger.accepted].filter((id) => !events.has(id)), ...stored.filter((id) => !seen.has(id))];
      const doubled = [...events, ...seen].filter(([, jobs]) => jobs.size > 1).map(([id]) => id);
      writeRow(`22 a flood of unreadable ones without room, beside a good peer (${mode})`, {
        sent: GOOD + BAD,
        "answered 250": ledger.acceptances + stored.length,
        "4xx": ledger.refusals + asked.length,
        "in the queue": events.size,
        lost: lost.length,
        doubled: doubled.length,
        "slowest reply, ms": Math.round(ledger.slowestMs),
        "recovery, s": ((performance.now() - startedMs) / 1000).toFixed(1),
      });
      expect([lost, doubled]).toEqual([[], []]);
      expect([...seen.keys()].filter((id) => !stored.includes(id) && mode === "journal")).toEqual([]);
      // The good peer noticed nothing.
      expect([ledger.accepted.size, ledger.retries]).toEqual([GOOD, 0]);
    } finally {
      await quarantine.close();
      await service.stop();
      await redis.stop();
      place.remove();
    }
  });
});

/** One attempt each. Their replies by the beginning of their ids. */
async function flood(service: TestService, from: string, count: number): Promise<ReadonlyMap<string, string>> {
  const replies = new Map<string, string>();
  let next = 0;
  const connection = async (): Promise<void> => {
    const client = await openSession(service.smtpPort, { from });
    for (let index = next++; index < count; index = next++) {
      const id = `bad-${index}-`;
      replies.set(id, await client.deliver(deliveryReport({ "X-Mms-Message-ID": id.padEnd(5_000, "x") })));
    }
    client.end();
  };
  await Promise.all(Array.from({ length: 4 }, connection));
  return replies;
}
