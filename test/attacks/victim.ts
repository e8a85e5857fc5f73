/**
 * The service under attack, and what must hold through each attack: a good peer
 * is served, nothing it was promised is lost, the process stands, and neither
 * its memory nor its event loop is anybody else's.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { expect } from "vitest";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

/** Addresses of this machine, and whose they are. */
export const ATTACKER = "127.0.0.2";
export const LENIENT_ATTACKER = "127.0.0.3";
export const GOOD = "127.0.0.4";
export const STRANGER = "127.0.0.9";

export const STORED = "250 2.0.0 Report stored";
/** What an attack may add to the memory, in bytes; garbage that is not collected yet among it. */
const MAX_GROWTH_BYTES = 150_000_000;
/** What an attack may hold the event loop for beyond what the machine holds ours for, in milliseconds. */
const MAX_LAG_MS = 500;
const GOOD_EVERY_MS = 50;

export interface Victim {
  readonly service: TestService;
  /** Every event that is queued. */
  readonly events: TestConsumer["events"];
  /** Runs an attack, and holds everything against what is promised. */
  endures(attack: () => Promise<unknown>): Promise<void>;
  stop(): Promise<void>;
}

export async function startVictim(settings: Readonly<Record<string, string>> = {}): Promise<Victim> {
  const redis = await startRedis();
  const service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: new URL("peers.json", import.meta.url).pathname,
    ...settings,
  });
  const consumer = startConsumer(redis.url);
  let good = 0;

  async function deliverGood(until: AbortSignal): Promise<readonly string[]> {
    const ids: string[] = [];
    const client = await openSession(service.smtpPort, { from: GOOD });
    do {
      good += 1;
      ids.push(`good-${good}`);
      expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": `good-${good}` }))).toBe(STORED);
      await wait(GOOD_EVERY_MS);
    } while (!until.aborted);
    client.end();
    return ids;
  }

  return {
    service,
    events: consumer.events,
    async endures(attack) {
      const memory = await service.metric("mm4d_process_resident_memory_bytes");
      // A look at the delay begins it anew.
      await service.metric("mm4d_nodejs_eventloop_lag_max_seconds");
      const ours = monitorEventLoopDelay();
      ours.enable();
      const over = new AbortController();
      const delivered = deliverGood(over.signal);
      await attack().finally(() => over.abort());
      const ids = await delivered;

      const lagMs = (await service.metric("mm4d_nodejs_eventloop_lag_max_seconds")) * 1000;
      expect(lagMs).toBeLessThan(MAX_LAG_MS + 5 * (ours.max / 1e6));
      ours.disable();
      expect((await service.metric("mm4d_process_resident_memory_bytes")) - memory).toBeLessThan(MAX_GROWTH_BYTES);
      await eventually(
        () => ids.filter((id) => !consumer.events.some(({ subject }) => subject === id)),
        (missing) => missing.length === 0,
      );
      // Nothing that a client says makes a line of the log, or part of one.
      for (const line of service.written().split("\n").slice(0, -1)) {
        expect(Object.keys(JSON.parse(line))).toContain("event");
      }
      expect(service.log().filter(({ event, stack }) => event === "session.failed" && stack !== undefined)).toEqual([]);
    },
    async stop() {
      await consumer.stop();
      await service.stop();
      await redis.stop();
    },
  };
}
