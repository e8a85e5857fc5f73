/**
 * Faults that are over when a record has settled, a minute after it was drained. They wait for
 * that most of the time, and therefore not in the file of the others, which fill every core.
 */

import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { archivedIn, placeOfArchive } from "../support/archive.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess } from "../support/service.ts";
import { isNotReady, told } from "./looks.ts";
import { LONG, play, spell, sweepQueue } from "./stage.ts";

const TIMEOUT_MS = 1_800_000;
const MIB = 1024 * 1024;

describe.concurrent("what waits for the grace period", () => {
  test("12 journal over its limit, because Redis stays away", { timeout: TIMEOUT_MS }, () =>
    play("12 journal over its limit, because Redis stays away", {
      relaysNotice: true,
      steady: true,
      env: { MM4D_JOURNAL_MAX_BYTES: String((LONG ? 128 : 1) * MIB) },
      async happen(stage) {
        await stage.redis.kill();
        await isNotReady(
          stage,
          /^The journal is full \(\d+ MB of \d+ MB\): reports get 451 until Redis is back and has caught up/,
        );
        await spell(10, 2);
        await stage.redis.start();
        return undefined;
      },
      after: (stage, { ledger }) => {
        expect(ledger.refusals).toBeGreaterThan(0);
        told(stage, "journal.full", /./);
      },
    }),
  );

  test("3 Redis restarted empty: what is older than the grace period is lost, what is younger is queued again", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const redis = await startRedis();
    const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_LOG_LEVEL: "warn" });
    const metric = async (name: string) =>
      Number(new RegExp(`^${name} (\\d+)$`, "m").exec((await service.get("/metrics")).text)?.[1]);
    const deliver = (kind: string) => {
      const ids = Array.from({ length: 100 }, (_, index) => `${kind}-${index}`);
      const messages = ids.map((id) => [id, deliveryReport({ "X-Mms-Message-ID": id })] as const);
      return deliverAll({ port: service.smtpPort, connections: 10, messages });
    };
    try {
      await deliver("old");
      // All of it has settled when the journal has let it go.
      await eventually(
        () => metric("mm4d_journal_bytes"),
        (bytes) => bytes === 0,
        180_000,
      );
      // What has left it is in the archive, with what became of it, and the metrics tell so.
      const archived = await eventually(
        () => archivedIn(placeOfArchive(service.dataDir)),
        ({ length }) => length > 0,
      );
      expect(archived.map((line) => line.split(" ")[1])).toEqual(Array.from({ length: 100 }, () => "queued"));
      await eventually(
        () => metric("mm4d_archive_bytes"),
        (bytes) => bytes > 0,
      );
      const { accepted } = await deliver("young");
      await eventually(
        () => metric("mm4d_journal_records"),
        (records) => records === 0,
      );
      await redis.kill();
      rmSync(join(redis.directory, "appendonlydir"), { recursive: true });
      await redis.start();
      await eventually(
        () => metric("mm4d_published_again_total"),
        (count) => count >= accepted.size,
      );
      const events = new Map<string, Set<string>>();
      await sweepQueue({ url: redis.url }, events);
      expect(new Set(events.keys())).toEqual(accepted);
      expect(await metric("mm4d_published_again_total")).toBe(accepted.size);
    } finally {
      await service.stop();
      await redis.stop();
    }
  });
});
