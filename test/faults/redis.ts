/** Redis is late, gone, empty, frozen, full, unfit, a replica, cut off: what was answered 250 is queued once all the same. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { runCommandWithin } from "../support/command-within.ts";
import { startProxy, type TestProxy } from "../support/proxy.ts";
import { eventually } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startSentinels } from "../support/sentinels.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { keptBy, type Loss, play, type Stage, spell, sweepQueue } from "./stage.ts";

const TIMEOUT_MS = 1_800_000;
const MODES = ["journal", "queue"] as const;

describe.concurrent("the bounds of the exception", () => {
  test("7 no sentinel answers: told once, in words, and reports are accepted", async () => {
    const service = await startServiceProcess({ MM4D_REDIS_SENTINELS: "127.0.0.1:1", MM4D_LOG_LEVEL: "warn" });
    try {
      await deliverAll({ port: service.smtpPort, connections: 1, messages: [["mm-1", deliveryReport()]] });
      await says(
        service,
        /^Redis has been away for [\w ]+ \(no sentinel tells which Redis is the master "mymaster" \(127\.0\.0\.1:1: connect ECONNREFUSED/,
      );
      expect((await service.get("/readyz")).status).toBe(200);
      await wait(3_000);
      const told = service.log().filter(({ event }) => event !== "service.note");
      expect(told.map(({ event, reason }) => `${event}: ${reason}`)).toEqual([
        expect.stringMatching(/^redis\.unreachable: no sentinel tells/),
        expect.stringMatching(/^drain\.failed: Redis is away: no sentinel tells/),
      ]);
    } finally {
      await service.stop();
    }
  });
});

describe.concurrent.each(MODES)("accepting into the %s", (mode) => {
  const fault = (name: string, scenario: Parameters<typeof play>[1]) =>
    test(name, { timeout: TIMEOUT_MS }, () => play(`${name} (${mode})`, { mode, ...scenario }));

  fault("1 Redis not there at start", {
    redisLater: true,
    async happen({ redis, service }) {
      expect((await service.get("/readyz")).status).toBe(mode === "journal" ? 200 : 503);
      await spell(20, 4);
      expect((await service.get("/healthz")).status).toBe(503);
      expect((await service.get("/healthz")).text).toContain("Redis has been away for");
      await redis.start();
      return undefined;
    },
  });

  fault("2 Redis killed, AOF always", {
    redis: ["--appendfsync", "always"],
    async happen({ redis }) {
      await redis.kill();
      await spell(5, 2);
      await redis.start();
      return undefined;
    },
  });

  fault("2 Redis killed, AOF everysec", { happen: (stage) => killed(stage) });

  fault("2 Redis killed, AOF off", {
    redis: ["--appendonly", "no"],
    async happen(stage) {
      const loss = await killed(stage, ["--appendonly", "no"]);
      await stage.redis.call("CONFIG", "SET", "appendonly", "yes"); // Else /healthz never says 200.
      return loss;
    },
  });

  fault("4 Redis frozen", {
    removedAtOnce: true,
    async happen({ redis }) {
      redis.signal("SIGSTOP");
      await spell(10, 6);
      redis.signal("SIGCONT");
      return undefined;
    },
  });

  fault("5 Redis out of memory, noeviction", {
    steady: true,
    async happen({ redis, service }) {
      const used = Number(/used_memory:(\d+)/.exec(String(await redis.call("INFO", "memory")))?.[1]);
      await redis.call("CONFIG", "SET", "maxmemory", String(used + 200_000));
      await says(service, /OOM/);
      expect((await service.get("/readyz")).status).toBe(mode === "journal" ? 200 : 503);
      await spell(5, 1);
      await redis.call("CONFIG", "SET", "maxmemory", "0");
      return undefined;
    },
  });

  fault("7 Redis a read-only replica for a while", {
    async happen({ redis, service }) {
      // Of a master that is not there: nothing is copied over what it holds.
      await redis.call("REPLICAOF", "127.0.0.1", "1");
      await says(service, /it is a read-only replica/);
      await spell(10, 2);
      await redis.call("REPLICAOF", "NO", "ONE");
      return undefined;
    },
  });

  for (const how of ["killed", "frozen"] as const) {
    const name = `7 failover by three sentinels, master ${how}`;
    test(name, { timeout: TIMEOUT_MS }, async () => {
      const sentinels = await startSentinels();
      try {
        await play(`${name} (${mode})`, {
          mode,
          connection: sentinels.options,
          place: async () => ({ MM4D_REDIS_SENTINELS: sentinels.addresses }),
          async happen({ accepted, tried, service }) {
            const { master, replica } = sentinels;
            if (how === "killed") await master.kill();
            else master.signal("SIGSTOP");
            await eventually(
              async () => String(await replica.call("ROLE")),
              (role) => role.startsWith("master"),
            );
            const events = new Map<string, Set<string>>();
            await sweepQueue({ url: replica.url }, events);
            if (how === "frozen") {
              // It believes to be the master still, and takes what it is given, until the sentinels have told it.
              master.signal("SIGCONT");
              await eventually(
                async () => String(await master.call("ROLE")),
                (role) => role.startsWith("slave"),
              );
            }
            await says(service, /^ok/);
            // Until it was noticed that another one is the master, everything went to the one that forgets it.
            const kept = new Set(events.keys());
            return { kept, accepted: new Set(accepted), tried: new Set(tried), replaced: true };
          },
          async after({ service }) {
            // The command line finds the new master as the service does: by its settings, or by asking the service.
            const bySettings = await runCommandWithin(["failed", "list"], service.env);
            const { MM4D_REDIS_SENTINELS: _, ...withoutSettings } = service.env;
            const byService = await runCommandWithin(["quarantine", "list"], withoutSettings);
            expect([bySettings.stderr, bySettings.code, byService.code]).toEqual(["No failed jobs.\n", 0, 0]);
          },
        });
      } finally {
        await sentinels.stop();
      }
    });
  }

  fault("8 connections to Redis cut every 200 ms", {
    steady: true,
    removedAtOnce: true,
    async happen({ redis }) {
      for (let cut = 0; cut < 25; cut++) {
        await redis.call("CLIENT", "KILL", "TYPE", "normal");
        await wait(200);
      }
      return undefined;
    },
    async after({ service }) {
      expect((await service.get("/metrics")).text).toContain("mm4d_published_again_total 0");
    },
  });
});

describe.concurrent("a Redis that lost everything", () => {
  test("3 Redis restarted empty: what was queued in the last minute is queued again", { timeout: TIMEOUT_MS }, () =>
    play("3 Redis restarted empty", {
      async happen({ redis, service, accepted, tried }) {
        // On a busy machine the drain gives way to reports: there must be something to lose.
        await service.metric("mm4d_published_total", (published) => published > 0);
        await redis.kill();
        const loss = { kept: new Set<string>(), accepted: new Set(accepted), tried: new Set(tried) };
        rmSync(join(redis.directory, "appendonlydir"), { recursive: true });
        await spell(5, 1);
        await redis.start();
        return loss;
      },
      async after({ service }) {
        const again = /mm4d_published_again_total (\d+)/.exec((await service.get("/metrics")).text)?.[1];
        expect(Number(again)).toBeGreaterThan(0);
      },
    }),
  );
});

describe.concurrent("a Redis that is not fit for a queue", () => {
  const unfit = (name: string, scenario: Parameters<typeof play>[1]) =>
    test(name, { timeout: TIMEOUT_MS }, () => play(name, scenario));
  const loud = (stage: Stage, wanted: RegExp) => {
    const lines = stage.service.log().filter(({ event }) => event === "redis.unsuitable");
    expect(lines.map(({ reasons }) => String(reasons))).toEqual([expect.stringMatching(wanted)]);
  };
  const published = async ({ service }: Stage) =>
    /^mm4d_published_total\{.*\} (\d+)/m.exec((await service.get("/metrics")).text)?.[1];

  unfit("6 AOF off: told, accepted and drained all the same", {
    redis: ["--appendonly", "no"],
    async happen(stage) {
      await says(stage.service, /^Redis forgets its jobs when it restarts: appendonly is "no", must be "yes"/);
      await eventually(
        () => published(stage),
        (count) => Number(count) > 100,
      );
      await stage.redis.call("CONFIG", "SET", "appendonly", "yes");
      return undefined;
    },
    after: (stage) => loud(stage, /appendonly is "no"/),
  });

  test("6 Redis too old: told, accepted and drained all the same", { timeout: TIMEOUT_MS }, async () => {
    let old = true;
    let proxy: TestProxy | undefined;
    try {
      await play("6 Redis too old", {
        async place({ port }) {
          proxy = await startProxy(port, (text) =>
            old ? text.replace(/(redis_version:)\d+\.(\d+)/, (_, name, minor) => `${name}5.${minor}`) : text,
          );
          return { REDIS_URL: `redis://127.0.0.1:${proxy.port}` };
        },
        async happen(stage) {
          await says(stage.service, /^Redis is too old: its version is "5\.\d+\.\d+", must be 6\.2 or newer/);
          await eventually(
            () => published(stage),
            (count) => Number(count) > 100,
          );
          old = false;
          return undefined;
        },
        after: (stage) => loud(stage, /too old/),
      });
    } finally {
      await proxy?.stop();
    }
  });

  unfit("6 Redis evicts: accepted, and not drained before it is corrected", {
    redis: ["--maxmemory-policy", "allkeys-lru"],
    async happen(stage) {
      await says(stage.service, /maxmemory-policy is "allkeys-lru", must be "noeviction"/);
      await eventually(
        () => stage.accepted.size,
        (size) => size > 100,
      );
      expect(await published(stage)).toBeUndefined();
      expect((await stage.service.get("/readyz")).status).toBe(200);
      await stage.redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction");
      return undefined;
    },
    after: (stage) => loud(stage, /maxmemory-policy/),
  });

  unfit("6 Redis evicts, MM4D_REDIS_CHECKS=warn: drained all the same", {
    redis: ["--maxmemory-policy", "volatile-lru"],
    env: { MM4D_REDIS_CHECKS: "warn" },
    async happen(stage) {
      await says(stage.service, /maxmemory-policy is "volatile-lru", must be "noeviction"/);
      await eventually(
        () => published(stage),
        (count) => Number(count) > 100,
      );
      await stage.redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction");
      return undefined;
    },
    after: (stage) => loud(stage, /maxmemory-policy/),
  });

  unfit("6 Redis evicts, accepting into the queue: 451 before it is corrected", {
    mode: "queue",
    redis: ["--maxmemory-policy", "allkeys-lfu"],
    redisNotReady: true,
    async happen(stage) {
      await eventually(
        () => stage.service.get("/readyz"),
        ({ text }) =>
          text.startsWith(
            "Nothing is put on the queue (Redis may remove jobs: its maxmemory-policy is allkeys-lfu): reports get 451",
          ),
      );
      await spell(5, 1);
      expect(stage.accepted.size).toBe(0);
      await stage.redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction");
      return undefined;
    },
  });
});

/** Killed and back. What it had not written to its disk is lost. */
async function killed(stage: Stage, settings: readonly string[] = []): Promise<Loss> {
  const { redis } = stage;
  await redis.kill();
  const tried = new Set(stage.tried);
  const kept = await keptBy(redis, settings);
  await spell(5, 2);
  const accepted = new Set(stage.accepted);
  await redis.start();
  return { kept, accepted, tried };
}

async function says(service: TestService, health: RegExp): Promise<void> {
  await eventually(
    () => service.get("/healthz"),
    ({ text }) => health.test(text),
  );
}
