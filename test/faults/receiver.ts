/** The receiver is killed, stopped, doubled, and its clock is set: what was answered 250 is queued once all the same. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { faketime } from "../support/faketime.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import type { TestService } from "../support/service.ts";
import { openData } from "../support/smtp-client.ts";
import { LONG, play, type Stage, scratch, spell } from "./stage.ts";

const TIMEOUT_MS = 1_800_000;
/** All of them under `npm run faults`: each takes nine seconds of the gate. */
const KILLS = LONG ? 20 : 6;
/** Each is a start of Node, and there are two cores. */
const FEWER_KILLS = LONG ? KILLS : 3;

const fault = (name: string, scenario: Parameters<typeof play>[1]) =>
  test(name, { timeout: TIMEOUT_MS }, () => play(name, { relaysNotice: true, steady: true, ...scenario }));

describe.concurrent("killed and stopped", () => {
  fault(`9 receiver killed ${KILLS} times at random moments (journal)`, {
    removedAtOnce: true,
    starts: KILLS + 1,
    happen: (stage) => killAgainAndAgain(stage, KILLS),
  });

  fault(`9 receiver killed ${FEWER_KILLS} times at random moments (queue)`, {
    mode: "queue",
    removedAtOnce: true,
    starts: FEWER_KILLS + 1,
    happen: (stage) => killAgainAndAgain(stage, FEWER_KILLS),
  });

  fault("10 receiver stopped in the middle of DATA", {
    starts: 2,
    async happen({ service }) {
      await stopInData(service);
      await service.restart();
      return undefined;
    },
    after: (_, { events }) => expect(events.get("in-the-middle")?.size).toBe(1),
  });

  fault("10 receiver stopped in the middle of DATA, Redis away", {
    starts: 2,
    async happen({ service, redis }) {
      await redis.kill();
      await spell(3, 1);
      await stopInData(service);
      await service.restart();
      await redis.start();
      return undefined;
    },
    after: (_, { events }) => expect(events.get("in-the-middle")?.size).toBe(1),
  });

  fault("14 two receivers on one Redis, one of them killed again and again", {
    receivers: 2,
    removedAtOnce: true,
    starts: FEWER_KILLS + 2,
    happen: (stage) => killAgainAndAgain(stage, FEWER_KILLS),
  });
});

/** One client is in the middle of its DATA when the signal comes, beside those that happen to be: it ends it, and is answered 250. */
async function stopInData(service: TestService): Promise<void> {
  const client = await openData(service.smtpPort);
  const message = Buffer.from(deliveryReport({ "X-Mms-Message-ID": "in-the-middle" })).toString();
  client.write(message.slice(0, 100));
  service.signal("SIGTERM");
  await wait(200);
  client.write(`${message.slice(100)}.\r\n`);
  expect(await client.reply()).toBe("250 2.0.0 Report stored");
  client.end();
  expect(await service.exited()).toBe(0);
}

/** Each time when it has taken some more reports, so that it has work in hand. */
async function killAgainAndAgain({ service, accepted }: Stage, times: number): Promise<undefined> {
  for (let kill = 0; kill < times; kill++) {
    const enough = accepted.size + Math.random() * (LONG ? 2_000 : 40);
    await eventually(
      () => accepted.size,
      (size) => size > enough,
    );
    await wait(Math.random() * 20);
    service.signal("SIGKILL");
    expect(await service.exited()).toBe("SIGKILL");
    await service.restart();
  }
  return undefined;
}

describe.concurrent("the clock", () => {
  const clock = scratch();
  const file = join(clock.path, "clock");
  const set = (offset: string): void => writeFileSync(file, `${offset}\n`);

  // The receiver's only: Redis and libfaketime do not go together (jemalloc). What its clock counts for is the window.
  fault("16 clock an hour back, then two forward, then right again", {
    relaysNotice: false,
    async place({ url }) {
      set("+0");
      return {
        REDIS_URL: url,
        LD_PRELOAD: faketime(),
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_CACHE_DURATION: "1",
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      };
    },
    async happen({ service }) {
      for (const [offset, seconds] of [
        ["-3600", -3_600],
        ["+3600", 3_600],
        ["+0", 0],
      ] as const) {
        set(offset);
        await spell(5, 2);
        // It is a test only if the clock was set.
        const { headers } = await fetch(`http://127.0.0.1:${service.adminPort}/livez`);
        const aheadMs = Date.parse(headers.get("date") ?? "") - Date.now();
        expect(Math.abs(aheadMs / 1000 - seconds)).toBeLessThan(600);
      }
      return undefined;
    },
    after: () => clock.remove(),
  });
});
