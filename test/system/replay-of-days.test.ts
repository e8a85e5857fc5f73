/**
 * What four peers sent on three days of a clock that is moved: the middle hour of one of them, replayed into a queue of
 * its own beside the running service, killed three times. `REPORTS=20000` plays the long version.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { faketime } from "../support/faketime.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { startReplay } from "../support/replays.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const REPORTS = Number(process.env.REPORTS ?? 600);
const PEERS = ["north", "east", "south", "west"] as const;
const DAY_MS = 86_400_000;
const DAYS_AGO = [2, 1, 0] as const;
const OF_PEER_AND_DAY = Math.floor(REPORTS / PEERS.length / DAYS_AGO.length);

let redis: TestRedis;
let service: TestService;
let directory: string;
let clock: string;
/** When the middle day was. */
let since: string;
let until: string;

beforeAll(async () => {
  redis = await startRedis();
  directory = mkdtempSync(join(tmpdir(), "mm4d-days-"));
  clock = join(directory, "clock");
  for (const [index, daysAgo] of DAYS_AGO.entries()) {
    writeFileSync(clock, `-${daysAgo * 86_400}`);
    if (index === 0) {
      service = await startServiceProcess({
        REDIS_URL: redis.url,
        MM4D_PEERS: PEERS.map((name, peer) => `${name}=127.0.1.${peer + 1}`).join(";"),
        MM4D_LOG_LEVEL: "warn",
        LD_PRELOAD: faketime(),
        FAKETIME_TIMESTAMP_FILE: clock,
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      });
    } else {
      service.signal("SIGTERM");
      await service.exited();
      await service.restart();
    }
    const at = Date.now() - daysAgo * DAY_MS;
    if (daysAgo === 1)
      [since, until] = [new Date(at - 1_800_000).toISOString(), new Date(at + 1_800_000).toISOString()];
    await Promise.all(PEERS.map((_, peer) => sendAll(daysAgo, peer)));
    await eventually(waiting, (count) => count === (index + 1) * PEERS.length * OF_PEER_AND_DAY);
  }
}, 600_000);
afterAll(async () => {
  await service.stop();
  await redis.stop();
  rmSync(directory, { recursive: true });
});

const waiting = async (): Promise<number> => Number(await redis.call("LLEN", "bull:mm4-delivery-events:wait"));

const nameOf = (daysAgo: number, peer: number, index: number): string => `d${daysAgo}-${PEERS[peer]}-${index}`;

async function sendAll(daysAgo: number, peer: number): Promise<void> {
  const client = await openSession(service.smtpPort, { from: `127.0.1.${peer + 1}` });
  for (let index = 0; index < OF_PEER_AND_DAY; index += 1) {
    const report = deliveryReport({ "X-Mms-Message-ID": nameOf(daysAgo, peer, index) });
    expect(await client.deliver(report)).toMatch(/^250 /);
  }
  client.end();
}

async function queued(): Promise<readonly { readonly event: DeliveryEvent; readonly atMs: number }[]> {
  const ids = ((await redis.call("LRANGE", "bull:billing-2:wait", "0", "-1")) as string[]).reverse();
  return Promise.all(
    ids.map(async (id) => {
      const [data, at] = (await redis.call("HMGET", `bull:billing-2:${id}`, "data", "timestamp")) as [string, string];
      return { event: JSON.parse(data) as DeliveryEvent, atMs: Number(at) };
    }),
  );
}

const published = async (): Promise<number> => Number(await redis.call("HGET", "bull:mm4d-replay:bill", "published"));

test("exactly what the export has of that hour, in order, none twice and none missing", async () => {
  // Without a moved clock.
  const { LD_PRELOAD: _, ...env } = service.env;
  const exported = await runCommandWithin(["archive", "export", "--json", "--full-numbers"], env);
  expect(exported.code).toBe(0);
  // Read as a text, by nothing of ours.
  const ids = exported.stdout.split("\n").flatMap((line) => {
    const [, at = ""] = /^\{"at":"([^"]+)"/.exec(line) ?? [];
    const isMeant = line.includes(',"peer":"east",') && at >= since && at < until;
    return isMeant ? [/"eventId":"(r[0-9a-f]{32})"/.exec(line)?.[1] ?? ""] : [];
  });
  expect(ids.length).toBe(OF_PEER_AND_DAY);

  const window = ["--since", since, "--until", until, "--peer", "east", "--to", "billing-2", "--name", "bill"];
  const isLong = REPORTS >= 20_000;
  const [rate, parts] = isLong ? ["200", [0.25, 0.5, 0.75]] : ["5", [0.1, 0.2, 0.3]];
  for (const part of parts) {
    const run = startReplay(env, ...window, "--rate", rate);
    await eventually(published, (count) => count >= part * ids.length);
    run.signal("SIGKILL");
    expect(await run.ended).toBe("SIGKILL");
  }
  const before = await published();
  expect(before).toBeLessThan(ids.length);
  const last = startReplay(env, "--name", "bill", "--rate", "200");
  expect([await last.ended, last.said()]).toEqual([0, expect.stringContaining(`${ids.length} in all runs`)]);

  const there = await queued();
  expect(there.map(({ event }) => event.id)).toEqual(ids);
  expect(there.map(({ event }) => event.data.messageId)).toEqual(
    Array.from({ length: OF_PEER_AND_DAY }, (_, index) => nameOf(1, 1, index)),
  );
  for (const { event } of there)
    expect([event.data.replayed, event.time >= since, event.time < until]).toEqual([true, true, true]);
  // Of the last run, which was not ended.
  const times = there.slice(before).map(({ atMs }) => atMs);
  const perSecond = (times.length - 1) / (((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000);
  expect(perSecond).toBeLessThan(isLong ? 220 : 300);
  if (isLong) expect(perSecond).toBeGreaterThan(180);
  // What is new goes on meanwhile, and nothing else got any of it.
  expect(await waiting()).toBe(PEERS.length * DAYS_AGO.length * OF_PEER_AND_DAY);
}, 600_000);
