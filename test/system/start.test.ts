/** Starting, stopping and being asked: the service and its command line as a user meets them. */

import { exec, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Queue } from "bullmq";
import { afterEach, describe, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { maskUrl } from "../../src/settings/redis-url.ts";
import { VERSION } from "../../src/version.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { cleanEnv, MAIN, rowsOf, runCommand, startServiceProcess, type TestService } from "../support/service.ts";
import { openData, openSession } from "../support/smtp-client.ts";

let service: TestService | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});

async function waitingEvents({ redisUrl }: { redisUrl: string }): Promise<DeliveryEvent[]> {
  const queue = new Queue("mm4-delivery-events", { connection: { url: redisUrl, maxRetriesPerRequest: null } });
  const jobs = await queue.getWaiting();
  await queue.close();
  return jobs.map(({ data }) => data as DeliveryEvent);
}

describe("without settings", () => {
  test("it starts a Redis of its own, says where everything is, and what it does not know", async () => {
    service = await startServiceProcess();
    const said = service.said();
    expect(said).toContain(`smtp://127.0.0.1:${service.smtpPort}`);
    expect(said).toContain(`Page: http://127.0.0.1:${service.adminPort}/\n`);
    const { redisUrl } = service.facts().redis;
    expect(said).toContain(`Redis: ${maskUrl(redisUrl)} (embedded, started by mm4d)`);
    const [, urlFile = ""] = /whose URL for consumers is in (.*)/.exec(said) ?? [];
    expect(readFileSync(urlFile, "utf8")).toBe(`${redisUrl}\n`);
    expect(said + service.written()).not.toContain(new URL(redisUrl).password);
    expect(said).toContain("Queue: mm4-delivery-events");
    expect(said).toContain("Only this machine may connect.");
    expect(said).toContain("Recipients of every domain are accepted.");
    expect(said).toContain("npx mm4d send --status Rejected --code 470");
    for (const line of said.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(statSync(service.dataDir).mode & 0o777).toBe(0o700);
    await eventually(
      async () => (await service?.get("/healthz"))?.status,
      (status) => status === 200,
    );
    expect(await service.get("/readyz")).toEqual({ status: 200, text: "ok\n" });
    expect(await service.get("/livez")).toEqual({ status: 200, text: "ok\n" });
    expect(JSON.parse((await service.get("/version")).text)).toMatchObject({ name: "mm4d", version: VERSION });
    expect((await service.get("/nothing")).status).toBe(404);
    expect((await service.get("/metrics")).text).toContain("mm4d_redis_up 1");
  });

  test("a report sent with `send` is shown by `tail`, and stays on the queue", async () => {
    service = await startServiceProcess();
    const tail = spawn(process.execPath, [MAIN, "tail", "--json", "--full-numbers"], {
      env: service.env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let shown = "";
    tail.stdout.setEncoding("utf8").on("data", (text) => {
      shown += text;
    });
    const sent = async (...args: string[]) => runCommandWithin(["send", "--json", ...args], service?.env);
    // `tail` shows what is queued from the moment it follows, so it is asked until it does.
    await eventually(
      async () => {
        await sent("--status", "Deferred");
        return shown;
      },
      (text) => text !== "",
    );
    const { code, stdout } = await sent("--status", "Rejected", "--code", "470", "--message-id", "wanted");
    expect([code, JSON.parse(stdout)]).toMatchObject([
      0,
      { code: 250, messageId: "wanted", text: "250 2.0.0 Report stored" },
    ]);
    await eventually(
      () => shown,
      (text) => text.includes('"wanted"'),
    );
    const event = rowsOf<DeliveryEvent>(shown).find(({ subject }) => subject === "wanted");
    expect(event?.data).toMatchObject({ outcome: "rejected", reason: { code: 470, tag: "spam" } });
    expect(await waitingEvents(service.facts().redis)).toContainEqual(event);
    const ended = new Promise((resolve) => tail.once("exit", (exitCode) => resolve(exitCode)));
    tail.kill("SIGINT");
    expect(await ended).toBe(0);

    const wanted = ["--outcome", "rejected", "--code", "4470", "--peer", "loopback"];
    const filtered = spawn(process.execPath, [MAIN, "tail", "--json", "--full-numbers", ...wanted], {
      env: service.env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let lines = "";
    filtered.stdout.setEncoding("utf8").on("data", (text) => {
      lines += text;
    });
    await eventually(
      async () => {
        await sent("--status", "Expired");
        await sent("--status", "Rejected", "--code", "421");
        await sent("--status", "Rejected", "--code", "470");
        return lines;
      },
      (text) => text !== "",
    );
    filtered.kill("SIGINT");
    const codes = rowsOf<DeliveryEvent>(lines).map(({ data }) => data.reason?.code);
    expect(new Set(codes)).toEqual(new Set([470]));
  });

  test("after a clean stop nothing is left running, and what was queued is there at the next start", async () => {
    service = await startServiceProcess();
    await runCommandWithin(["send", "--message-id", "kept"], service.env);
    await runCommandWithin(["send", "--status", "Retrieved", "--message-id", "kept"], service.env);
    const { pid } = JSON.parse(readFileSync(join(service.dataDir, "redis", "process.json"), "utf8")) as { pid: number };
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow();
    await service.restart();
    const events = await eventually(
      () => waitingEvents(service?.facts().redis as never),
      (found) => found.length > 0,
    );
    expect(events.map(({ subject }) => subject)).toEqual(["kept"]);
  });

  test("a Redis that lost everything just before the stop is given it again by the next start", async () => {
    service = await startServiceProcess();
    await eventually(
      () => service?.log().some(({ event }) => event === "redis.connected"),
      (connected) => connected === true,
    );
    const client = await openSession(service.smtpPort);
    const ids = Array.from({ length: 300 }, (_, index) => `lost-${index}`);
    for (const id of ids) expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id }))).toMatch(/^250/);
    client.end();
    const published = () => service?.log().filter(({ event }) => event === "report.published").length;
    await eventually(published, (count) => count === ids.length);
    const redis = join(service.dataDir, "redis");
    const { pid } = JSON.parse(readFileSync(join(redis, "process.json"), "utf8")) as { pid: number };
    process.kill(pid, "SIGKILL");
    rmSync(join(redis, "appendonlydir"), { recursive: true });
    const pidNow = () => (JSON.parse(readFileSync(join(redis, "process.json"), "utf8")) as { pid: number }).pid;
    await eventually(pidNow, (now) => now !== pid);
    service.signal("SIGTERM");
    await service.exited();
    await service.restart();
    const facts = service.facts();
    const events = await eventually(
      () => waitingEvents(facts.redis),
      (found) => found.length >= ids.length,
    );
    expect(events.map(({ subject }) => subject).sort()).toEqual(ids.sort());
  });

  test("after a SIGKILL the Redis left over is adopted, and nothing is lost or doubled", async () => {
    service = await startServiceProcess();
    const before = service.facts().redis.redisUrl;
    await runCommandWithin(["send", "--status", "Retrieved", "--message-id", "kept"], service.env);
    service.signal("SIGKILL");
    expect(await service.exited()).toBe("SIGKILL");
    await service.restart();
    expect(service.facts().redis.redisUrl).toBe(before);
    const embedded = await eventually(
      () => service?.log().filter(({ event }) => event === "redis.embedded") ?? [],
      ({ length }) => length >= 2,
    );
    expect(embedded.map(({ adopted }) => adopted)).toEqual([false, true]);
    // It was killed with the report on the queue, or in the journal only: then the next one queues it.
    await service.metric("mm4d_journal_records", (waiting) => waiting === 0);
    const { redis } = service.facts();
    const events = await eventually(
      () => waitingEvents(redis),
      (found) => found.length > 0,
    );
    expect(events.map(({ subject }) => subject)).toEqual(["kept"]);
  });
});

describe("what stops the start", () => {
  test("a second process on the same data directory is refused", async () => {
    service = await startServiceProcess();
    const second = await runCommand(
      ["serve"],
      cleanEnv({ MM4D_DATA_DIR: service.dataDir, MM4D_SMTP_PORT: "0", MM4D_ADMIN_PORT: "0" }),
    );
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("another mm4d is using it");
    expect((await service.get("/livez")).status).toBe(200);
  });

  test("every bad setting is told at once, in a sentence each", async () => {
    const { code, stderr } = await runCommand(["serve"], cleanEnv({ MM4D_SMTP_PORT: "x", MM4D_QUEU: "y" }));
    expect(code).toBe(1);
    expect(stderr).toBe(
      'Cannot start: MM4D_SMTP_PORT is "x", must be a whole number from 0 to 65535\n' +
        "Cannot start: MM4D_QUEU is unknown. Did you mean MM4D_QUEUE?\n",
    );
  });

  test("a port that is taken is told, and nothing is left running", async () => {
    service = await startServiceProcess();
    const dataDir = join(mkdtempSync(join(tmpdir(), "mm4d-second-")), "data");
    const second = await runCommand(
      ["serve"],
      cleanEnv({ MM4D_DATA_DIR: dataDir, MM4D_SMTP_PORT: String(service.smtpPort), MM4D_ADMIN_PORT: "0" }),
    );
    expect(second.code).toBe(1);
    // A stack is for our own faults.
    expect(second.stdout).toContain('"event":"service.failed"');
    expect(second.stdout).not.toContain('"stack"');
    expect(second.stderr).toContain(
      `Cannot listen for SMTP on 127.0.0.1:${service.smtpPort}: the port is taken, must be free (MM4D_SMTP_HOST, MM4D_SMTP_PORT)`,
    );
    const { pid } = JSON.parse(readFileSync(join(dataDir, "redis", "process.json"), "utf8")) as { pid: number };
    expect(() => process.kill(pid, 0)).toThrow();
  });
});

describe("stopping", () => {
  test("SIGTERM: an open DATA is finished and answered 250, idle sessions hear 421, the event is queued", async () => {
    const redis = await startRedis();
    service = await startServiceProcess({ REDIS_URL: redis.url });
    const idle = await openSession(service.smtpPort);
    const busy = await openData(service.smtpPort);
    const message = Buffer.from(deliveryReport({ "X-Mms-Message-ID": "late" })).toString();
    busy.write(message.slice(0, 100));
    service.signal("SIGTERM");
    expect(await idle.reply()).toBe("421 4.3.2 Shutting down, try again later");
    await idle.closed();
    await expect(openSession(service.smtpPort)).rejects.toThrow();
    busy.write(`${message.slice(100)}.\r\n`);
    expect(await busy.reply()).toBe("250 2.0.0 Report stored");
    expect(await busy.reply()).toBe("421 4.3.2 Shutting down, try again later");
    expect(await service.exited()).toBe(0);
    expect((await waitingEvents({ redisUrl: redis.url })).map(({ subject }) => subject)).toEqual(["late"]);
    await redis.stop();
  });

  test("SIGTERM while Redis is away: the process ends, and the next one queues what waited", async () => {
    const redis = await startRedis();
    service = await startServiceProcess({ REDIS_URL: redis.url });
    await eventually(
      () => service?.log().some(({ event }) => event === "redis.connected"),
      (connected) => connected === true,
    );
    await redis.kill();
    expect(
      (await runCommandWithin(["send", "--status", "Retrieved", "--message-id", "waited"], service.env)).code,
    ).toBe(0);
    const health = await eventually(
      () => service?.get("/healthz"),
      (answer) => answer?.status === 503,
    );
    expect(health?.text).toMatch(
      /^Redis has been away for [\w ]+ \(.*\): 1 report waits in the journal .* relays see no difference\n$/,
    );
    expect((await service.get("/readyz")).status).toBe(200);
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(0);
    await redis.start();
    await service.restart();
    const events = await eventually(
      () => waitingEvents({ redisUrl: redis.url }),
      (found) => found.length > 0,
    );
    expect(events.map(({ subject }) => subject)).toEqual(["waited"]);
    await redis.stop();
  });

  test("a second signal ends it at once, although a client holds a DATA open", async () => {
    service = await startServiceProcess({ MM4D_SHUTDOWN_GRACE_MS: "600000" });
    await openData(service.smtpPort);
    service.signal("SIGTERM");
    await eventually(
      () => service?.log().some(({ event }) => event === "service.stopping"),
      (stopping) => stopping === true,
    );
    // What comes at once is the first signal's echo: npm passes on what the terminal sends to everybody.
    service.signal("SIGTERM");
    await new Promise((resolve) => setTimeout(resolve, 400));
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(143);
    // The Redis it had to leave is adopted, and then ended, by the next one.
    await service.restart();
  });

  test("a client that never ends its DATA is cut when the grace is over", async () => {
    service = await startServiceProcess({ MM4D_SHUTDOWN_GRACE_MS: "300" });
    await openData(service.smtpPort);
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(0);
  });
});

describe("the command line", () => {
  test("exit codes: 0 done, 1 failed, 2 wrong usage", async () => {
    const env = cleanEnv({ MM4D_DATA_DIR: "/nowhere" });
    const codes = [
      [["--help"], 0],
      [["--version"], 0],
      [["send", "--help"], 0],
      [["config"], 0],
      [[], 2],
      [["nonsense"], 2],
      [["send", "--port", "x"], 2],
      [["send", "--type", "x"], 2],
      [["serve", "--nonsense"], 2],
      [["send", "--port", "1"], 1],
      [["tail"], 1],
      [["refusals"], 1],
      [["status"], 1],
      [["log-level", "debug"], 1],
      [["log-level", "loud"], 2],
      [["tail", "--outcome", "loud"], 2],
      [["peers", "test", "nobody"], 1],
      [["explain", "-", "--peer", "nobody"], 1],
    ] as const;
    for (const [args, code] of codes) {
      expect([args, (await runCommandWithin(args, env)).code]).toEqual([args, code]);
    }
    // That a process ends with the code of its command: one of each, and none but these is a process.
    await Promise.all(
      [["--version"], ["--nonsense"], ["log-level", "debug"]].map(async (args, index) =>
        expect([args, (await runCommand(args, env)).code]).toEqual([args, [0, 2, 1][index]]),
      ),
    );
  });

  test("`config` prints every value and where it came from, and no password", async () => {
    const env = cleanEnv({ REDIS_URL: "redis://:secret@localhost:1", MM4D_DOMAIN: "mms.example.net" });
    const { stdout } = await runCommandWithin(["config"], env);
    expect(stdout).toContain("REDIS_URL");
    expect(stdout).toContain("redis://:***@localhost:1  (environment)");
    expect(stdout).toMatch(/MM4D_DOMAIN +mms\.example\.net {2}\(environment\)/);
    expect(stdout).toMatch(/MM4D_SMTP_PORT +2525\n/);
    expect(stdout).not.toContain("secret");
    const json = JSON.parse((await runCommandWithin(["config", "--json"], env)).stdout) as {
      name: string;
      origin: string;
    }[];
    expect(json.find(({ name }) => name === "MM4D_DOMAIN")).toMatchObject({
      value: "mms.example.net",
      origin: "environment",
    });
  });

  test("`send` tells a refusal, and fails", async () => {
    service = await startServiceProcess({ MM4D_DOMAIN: "mms.example.net" });
    const refused = await runCommandWithin(["send", "--rcpt-to", "x@elsewhere.example"], service.env);
    expect([refused.code, refused.stdout]).toEqual([1, expect.stringContaining("550 5.7.1")]);
    const mail = await runCommand(["send", "--file", "-"], service.env, "Subject: hello\n\nhello\n");
    expect([mail.code, mail.stdout]).toEqual([1, "554 5.6.0 Not an MM4 message: it has no X-Mms-Message-Type field\n"]);
  });
});

describe("as npm and shells start it", () => {
  test("SIGTERM to `npm start` reaches the service, and nothing is left running", async () => {
    const dataDir = join(mkdtempSync(join(tmpdir(), "mm4d-npm-")), "data");
    const env = cleanEnv({ MM4D_DATA_DIR: dataDir, MM4D_SMTP_PORT: "0", MM4D_ADMIN_PORT: "0" });
    const npm = spawn("npm", ["start"], { env, cwd: join(MAIN, "../.."), stdio: ["ignore", "pipe", "ignore"] });
    const exited = new Promise((resolve) => npm.once("exit", resolve));
    let logged = "";
    npm.stdout.setEncoding("utf8").on("data", (text) => {
      logged += text;
    });
    await eventually(
      () => logged,
      (text) => text.includes("service.started"),
    );
    npm.kill("SIGTERM");
    await exited;
    await eventually(
      () => logged,
      (text) => text.includes("service.stopped"),
    );
    const { pid } = JSON.parse(readFileSync(join(dataDir, "redis", "process.json"), "utf8")) as { pid: number };
    // Until the service itself has ended, what it ended is there still.
    await eventually(
      () => isAlive(pid),
      (alive) => !alive,
    );
  });

  test("a signal during the start, at any moment, leaves no Redis running", async () => {
    for (const afterMs of [50, 200, 350, 500]) {
      const dataDir = join(mkdtempSync(join(tmpdir(), "mm4d-early-")), "data");
      const env = cleanEnv({ MM4D_DATA_DIR: dataDir, MM4D_SMTP_PORT: "0", MM4D_ADMIN_PORT: "0" });
      const child = spawn(process.execPath, [MAIN, "serve"], { env, stdio: "ignore" });
      const exited = new Promise((resolve) => child.once("exit", resolve));
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      child.kill("SIGTERM");
      await exited;
      const state = join(dataDir, "redis", "process.json");
      if (!existsSync(state)) continue;
      const { pid } = JSON.parse(readFileSync(state, "utf8")) as { pid: number };
      expect([afterMs, isAlive(pid)]).toEqual([afterMs, false]);
    }
  });

  test("a data directory that was taken away does not keep the service from ending, and the exit code tells", async () => {
    service = await startServiceProcess();
    await eventually(
      () => service?.log().some(({ event }) => event === "redis.connected"),
      (connected) => connected === true,
    );
    rmSync(service.dataDir, { recursive: true });
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(1);
    expect(service.log().at(-1)).toMatchObject({ event: "service.stopped", clean: false });
    await service.restart();
  });

  test("whoever stops reading our output is no error", async () => {
    for (const command of ["codes", "config", "send --help"]) {
      const { stderr } = await promisify(exec)(`${process.execPath} ${MAIN} ${command} | head -1`, {
        env: cleanEnv({}),
      });
      expect([command, stderr]).toEqual([command, ""]);
    }
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
