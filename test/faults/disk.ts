/** The disk is full, read-only, gone, damaged, or the journal at its limit: never a 250 for what is not safe. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { MAY_MOUNT, mountReadOnly, mountSmall, unmount } from "../support/mounts.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { runCommand, startServiceProcess } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";
import { isNotReady, told } from "./looks.ts";
import { CONNECTIONS, LONG, play, scratch, spell } from "./stage.ts";

const TIMEOUT_MS = 1_800_000;
const MIB = 1024 * 1024;

const fault = (name: string, scenario: Parameters<typeof play>[1]) =>
  test(name, { timeout: TIMEOUT_MS }, () => play(name, { relaysNotice: true, ...scenario }));

describe.concurrent("the disk", () => {
  test.skipIf(!MAY_MOUNT)("11 disk full, and the receiver started again on it", { timeout: TIMEOUT_MS }, async () => {
    const disk = scratch();
    // Reports that are drained stay for a minute: there must be room for those of this run.
    mountSmall(disk.path, LONG ? 1_024 : 24);
    try {
      await play("11 disk full", {
        relaysNotice: true,
        starts: 2,
        env: { MM4D_DATA_DIR: join(disk.path, "data") },
        async happen(stage) {
          const ballast = join(disk.path, "ballast");
          fill(ballast);
          await isNotReady(stage, /^The journal cannot be written \(ENOSPC/);
          await spell(10, 2);
          // What was half written when the disk was full was cut: it was answered 451.
          const { stdout } = await runCommandWithin(["journal", "verify", "--json"], stage.service.env);
          expect(JSON.parse(stdout)).toMatchObject({ whole: true, places: [] });
          stage.service.signal("SIGKILL");
          await stage.service.exited();
          await stage.service.restart();
          await isNotReady(stage, /^The journal cannot be written \(ENOSPC/);
          rmSync(ballast);
          return undefined;
        },
        after: (stage) => told(stage, "journal.append-failed", /ENOSPC/, 2),
      });
    } finally {
      unmount(disk.path);
      disk.remove();
    }
  });

  test.skipIf(!MAY_MOUNT)("11 data directory read-only", { timeout: TIMEOUT_MS }, async () => {
    const disk = scratch();
    const dataDir = join(disk.path, "data");
    let mounted = false;
    try {
      await play("11 data directory read-only", {
        relaysNotice: true,
        steady: true,
        // What is open stays writable: the fault begins with the next segment, so segments are small.
        env: { MM4D_DATA_DIR: dataDir, MM4D_JOURNAL_MAX_BYTES: String((LONG ? 1_024 : 8) * MIB) },
        async happen(stage) {
          mountReadOnly(dataDir);
          mounted = true;
          await isNotReady(stage, /^The journal cannot be written \(EROFS/);
          await spell(10, 2);
          unmount(dataDir);
          mounted = false;
          return undefined;
        },
        after: (stage) => told(stage, "journal.append-failed", /EROFS/),
      });
    } finally {
      if (mounted) unmount(dataDir);
      disk.remove();
    }
  });

  fault("11 data directory removed", {
    async happen(stage) {
      const { dataDir } = stage.service;
      removeInUse(dataDir);
      const before = stage.accepted.size;
      await isNotReady(stage, /^The journal cannot be written \(/);
      await spell(10, 2);
      // A file without a name syncs happily: only what was under way may have been answered 250 still.
      expect(stage.accepted.size - before).toBeLessThanOrEqual(CONNECTIONS);
      mkdirSync(dataDir, { mode: 0o700 });
      await eventually(
        () => stage.service.get("/readyz"),
        ({ status }) => status === 200,
      );
      // Made anew, it is locked anew.
      const second = await runCommand(["serve"], {
        ...stage.service.env,
        MM4D_SMTP_PORT: "0",
        MM4D_ADMIN_PORT: "0",
      });
      expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("another mm4d is using it")]);
      return undefined;
    },
    after: (stage) => told(stage, "journal.append-failed", /was removed|ENOENT/),
  });
});

describe.concurrent("a damaged journal", () => {
  test("13 one record damaged, one torn, a foreign file: every other is queued, each fault is told once", async () => {
    const redis = await startRedis();
    const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_LOG_LEVEL: "warn" });
    const consumer = startConsumer(redis.url);
    try {
      await redis.kill();
      const ids = Array.from({ length: 50 }, (_, index) => `mm-${index}`);
      const client = await openSession(service.smtpPort);
      for (const id of ids) expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id }))).toMatch(/^250/);
      client.end();
      service.signal("SIGKILL");
      await service.exited();

      const journal = join(service.dataDir, "journal");
      const [segment = ""] = readdirSync(journal).filter((name) => name.endsWith(".journal"));
      const bytes = readFileSync(join(journal, segment));
      const hit = bytes.indexOf("X-Mms-Message-ID: mm-20\\r");
      expect(hit).toBeGreaterThan(0);
      bytes[hit] = (bytes[hit] ?? 0) ^ 0x01;
      writeFileSync(join(journal, segment), bytes);
      appendFileSync(join(journal, segment), bytes.subarray(0, 100));
      writeFileSync(join(journal, "0000000002.journal"), "");
      writeFileSync(join(journal, "notes.txt"), "mine");
      expect((await runCommandWithin(["journal", "verify"], service.env)).code).toBe(1);

      await service.restart();
      await redis.start();
      await eventually(
        () => consumer.events.length,
        (length) => length >= ids.length - 1,
      );
      expect(consumer.events.map(({ subject }) => subject).sort()).toEqual(ids.filter((id) => id !== "mm-20").sort());
      const faults = service.log().map(({ event }) => event);
      expect(faults.filter((event) => event === "journal.damaged" || event === "journal.torn")).toEqual([
        "journal.damaged",
        "journal.torn",
      ]);
      expect(readFileSync(join(journal, "notes.txt"), "utf8")).toBe("mine");
    } finally {
      await consumer.stop();
      await service.stop();
      await redis.stop();
    }
  });
});

/** Something may just be written there; `maxRetries` does not look again what that is. */
function removeInUse(directory: string): void {
  for (;;) {
    try {
      rmSync(directory, { recursive: true });
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw cause;
    }
  }
}

/** Takes every byte that is left. */
function fill(path: string): void {
  for (const size of [MIB, 4096, 1]) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(size));
    } catch (cause) {
      expect((cause as NodeJS.ErrnoException).code).toBe("ENOSPC");
    }
  }
}
