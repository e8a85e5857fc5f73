/**
 * What a service manager is told (sd_notify(3)), and who is ended that hangs, on
 * any machine: `systemd-notify` writes down what it is given.
 * test/ops/systemd.test.ts has a real one, where that can be booted.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { childrenOf } from "../support/children.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { cleanEnv, startServiceProcess } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

/** Longer than a slow machine lets a healthy process wait. */
const WATCHDOG_MS = 4_000;
const WATCHED = { NOTIFY_SOCKET: "/run/nobody-listens", WATCHDOG_USEC: String(WATCHDOG_MS * 1_000) };

const directory = mkdtempSync(join(tmpdir(), "mm4d-watchdog-"));
const heard = join(directory, "heard");
writeFileSync(join(directory, "systemd-notify"), `#!/bin/sh\necho "$@" >> ${heard}\n`, { mode: 0o755 });
writeFileSync(heard, "");
afterAll(() => rmSync(directory, { recursive: true }));

const said = () => readFileSync(heard, "utf8").split("\n").slice(0, -1);

test.concurrent("of several, the one that hangs is killed and replaced; the first one tells how all are", async () => {
  const redis = await startRedis();
  const service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_PROCESSES: "2",
    PATH: `${directory}:${cleanEnv({}).PATH}`,
    ...WATCHED,
  });
  const main = service.facts().pid;
  const ended = () => service.log().filter(({ event }) => event === "process.ended");
  try {
    await eventually(said, (lines) => lines.includes("WATCHDOG=1"));
    expect(said()[0]).toBe('READY=1 STATUS=Takes reports; "mm4d status" says how it is');

    // The one above them stands still, and hears nobody meanwhile: that is nobody's fault.
    process.kill(main, "SIGSTOP");
    await wait(1.5 * WATCHDOG_MS);
    const beats = said().length;
    process.kill(main, "SIGCONT");
    await eventually(said, (lines) => lines.length > beats + 1);
    expect(ended()).toEqual([]);

    const [hanging = 0, healthy = 0] = childrenOf(main);
    process.kill(hanging, "SIGSTOP");
    await eventually(ended, (lines) => lines.length > 0);
    await eventually(
      () => service.log().filter(({ event }) => event === "service.started"),
      (lines) => lines.length === 3,
    );
    expect(ended()).toEqual([expect.objectContaining({ how: "hung" })]);
    // Besides, systemd-notify may be telling something.
    await eventually(
      () => childrenOf(main),
      (children) => children.length === 2,
    );
    expect(childrenOf(main)).toContain(healthy);
    const client = await openSession(service.smtpPort);
    expect(await client.deliver(deliveryReport())).toMatch(/^250 /);
    client.end();

    service.signal("SIGTERM");
    expect(await service.exited()).toBe(0);
    expect(said()).toContain("STOPPING=1 STATUS=Finishes what is open");
  } finally {
    await service.stop();
    await redis.stop();
  }
});

test.concurrent("a service that cannot tell says so once, and goes on", async () => {
  const redis = await startRedis();
  const service = await startServiceProcess({ REDIS_URL: redis.url, PATH: "/nowhere", ...WATCHED });
  try {
    await eventually(
      () => service.said(),
      (text) => text.includes("Cannot tell systemd"),
    );
    await wait(WATCHDOG_MS);
    expect(service.said().match(/Cannot tell systemd.*/g)).toEqual([
      expect.stringMatching(/that READY=1, STATUS=.*: spawn systemd-notify ENOENT$/),
    ]);
    expect((await service.get("/healthz")).status).toBe(200);
  } finally {
    await service.stop();
    await redis.stop();
  }
});
